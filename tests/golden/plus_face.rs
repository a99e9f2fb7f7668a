use facegen_diffusion::{PlusFaceConfig, PlusFaceProjection};

use crate::support::{Golden, generated_tensors, golden_weights, gpu_path, native};

#[test]
fn image_tokens_of_plus_face_are_those_of_ip_adapter() {
    let golden = Golden::load("plus_face");
    let clip = generated_tensors("projection.inputs");
    let config = PlusFaceConfig {
        cross_attention_dim: 128,
        clip_embedding_dim: 128,
        ..PlusFaceConfig::default()
    };
    for compute in [native(), gpu_path()] {
        let weights = golden_weights("plus_face");
        let projection =
            PlusFaceProjection::load(&config, &weights.pp("image_proj"), &compute).unwrap();
        weights.finish().unwrap();
        for (branch, name) in [
            ("cond", "projection.clip_embeds"),
            ("uncond", "projection.uncond_clip_embeds"),
        ] {
            golden.check(branch, &projection.forward(&clip[name]).unwrap());
        }
    }
}
