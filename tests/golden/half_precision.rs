//! f16 and bf16: finite, and as near as their precision allows.

use candle_core::{DType, Device, Tensor};
use facegen_nn::{Compute, Layout};

use crate::clip_vision::pixel_values;
use crate::safety::checker::safety_cosines;
use crate::support::{
    Golden, Measure, clip_text, clip_vision, distance, generated_tensors, unet_and_projection, vae,
};
use crate::unet::{predict, prepared_rows};

/// Returns the largest distance from the reference, in deviations of the golden.
fn bound(dtype: DType) -> f64 {
    if dtype == DType::F16 { 0.02 } else { 0.2 }
}

fn check(golden: &Golden, suffix: &str, actual: &Tensor, dtype: DType) {
    let most =
        distance(Measure::MaxAbs, &golden.expected(suffix), actual) / golden.deviation(suffix);
    println!("{dtype:?} {suffix}: {most:.4} deviations");
    assert!(
        most <= bound(dtype),
        "{dtype:?} {suffix} is {most} deviations off"
    );
    // There must be rounding: f32 in disguise would prove nothing.
    assert!(
        most >= 1e-4,
        "{dtype:?} {suffix} was not computed in half precision"
    );
}

#[test]
fn goldens_stay_finite_and_near_in_half_precision() {
    for dtype in [DType::F16, DType::BF16] {
        every_network(&Compute::new(Device::Cpu, dtype));
    }
}

/// Runs in f16: candle's CPU has no products of bf16.
#[test]
fn goldens_stay_finite_and_near_in_the_dtype_and_on_the_path_of_gpus() {
    let compute = Compute::new(Device::Cpu, DType::F16);
    every_network(&compute.with_layout(Layout::Nchw).unwrap());
}

/// Compares every network with its golden.
pub(crate) fn every_network(compute: &Compute) {
    text(compute);
    vision(compute);
    projection_and_unet(compute);
    let golden = Golden::load("vae");
    let image = vae("vae", compute)
        .decode(&golden.input("latents"))
        .unwrap();
    check(&golden, "image", &image, compute.dtype());
    let cosines = safety_cosines(compute);
    check(
        &Golden::load("safety"),
        "cosines",
        &cosines,
        compute.dtype(),
    );
}

fn text(compute: &Compute) {
    let golden = Golden::load("clip_text");
    let ids: Vec<i64> = golden.input("input_ids").get(0).unwrap().to_vec1().unwrap();
    let ids: Vec<u32> = ids.into_iter().map(|id| id as u32).collect();
    let state = clip_text(compute).forward(&ids).unwrap();
    check(
        &golden,
        "last_hidden_state.0",
        &state.squeeze(0).unwrap(),
        compute.dtype(),
    );
}

fn vision(compute: &Compute) {
    let golden = Golden::load("clip_vision");
    let model = clip_vision("clip_vision", compute);
    let state = model
        .penultimate_hidden_state(&pixel_values(&golden.input("image")))
        .unwrap();
    check(
        &golden,
        "hidden_states.3",
        &state.squeeze(0).unwrap(),
        compute.dtype(),
    );
}

fn projection_and_unet(compute: &Compute) {
    let (unet, projection) = unet_and_projection(compute);
    let golden = Golden::load("projection");
    let clip = &generated_tensors("projection.inputs")["projection.clip_embeds"];
    let (identity, clip) = (
        golden.input("id_embeds"),
        clip.to_dtype(compute.dtype()).unwrap(),
    );
    let identity = identity.to_dtype(compute.dtype()).unwrap();
    let tokens = projection.forward(&identity, &clip, 1.0).unwrap();
    check(&golden, "cond.s_scale_1.0", &tokens, compute.dtype());

    let golden = Golden::load("unet");
    let rows = prepared_rows(&golden, &unet, 1.0);
    let noise_pred = predict(&unet, &golden.input("latents"), 500.0, &rows, compute);
    check(
        &golden,
        "noise_pred.t_500.scale_1.0",
        &noise_pred,
        compute.dtype(),
    );
}
