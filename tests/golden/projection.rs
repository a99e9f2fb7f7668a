use crate::support::{Golden, generated_tensors, gpu_path, native, unet_and_projection};

#[test]
fn image_tokens_are_those_of_ip_adapter() {
    let golden = Golden::load("projection");
    let clip = generated_tensors("projection.inputs");
    let (clip, nothing) = (
        &clip["projection.clip_embeds"],
        &clip["projection.uncond_clip_embeds"],
    );
    let identity = golden.input("id_embeds");
    for compute in [native(), gpu_path()] {
        let (_, projection) = unet_and_projection(&compute);
        for s_scale in ["0.0", "0.5", "1.0", "2.0"] {
            let factor: f64 = s_scale.parse().unwrap();
            let cond = projection.forward(&identity, clip, factor).unwrap();
            golden.check(&format!("cond.s_scale_{s_scale}"), &cond);
            let uncond = projection
                .forward(&identity.zeros_like().unwrap(), nothing, factor)
                .unwrap();
            golden.check(&format!("uncond.s_scale_{s_scale}"), &uncond);
        }
    }
}
