use candle_core::Tensor;
use facegen_nn::Result;

/// Moves the prediction away from the unconditional one:
/// `uncond + guidance_scale * (cond - uncond)`.
///
/// Follows "Classifier-Free Diffusion Guidance" (Ho and Salimans, 2022) as
/// diffusers' `StableDiffusionPipeline` computes it.
///
/// # Errors
/// Fails when the two predictions differ in shape.
pub fn classifier_free_guidance(
    uncond: &Tensor,
    cond: &Tensor,
    guidance_scale: f64,
) -> Result<Tensor> {
    Ok((uncond + ((cond - uncond)? * guidance_scale)?)?)
}
