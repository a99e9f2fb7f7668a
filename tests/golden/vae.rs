use candle_core::{Device, Tensor};
use facegen_diffusion::AutoencoderKl;

use crate::support::{Golden, gpu_path, native, vae};

#[test]
fn images_are_those_of_diffusers() {
    let golden = Golden::load("vae");
    for compute in [native(), gpu_path()] {
        // The older names hold the same values.
        for name in ["vae", "vae_old"] {
            let model = vae(name, &compute);
            let image = model.decode(&golden.input("latents")).unwrap();
            golden.check("image", &image);
            golden.check(
                "quiet_image",
                &model.decode(&golden.input("quiet_latents")).unwrap(),
            );
            let bytes = AutoencoderKl::to_rgb(&image).unwrap();
            let expected: Vec<u8> = golden
                .expected("bytes")
                .flatten_all()
                .unwrap()
                .to_vec1()
                .unwrap();
            assert!(
                expected
                    .iter()
                    .zip(&bytes)
                    .all(|(one, other)| one.abs_diff(*other) <= 1)
            );
            golden.check(
                "bytes",
                &Tensor::from_vec(bytes, (64, 64, 3), &Device::Cpu).unwrap(),
            );
        }
    }
}

#[test]
fn bytes_are_rounded_as_numpy_rounds_them() {
    let golden = Golden::load("vae");
    let bytes = AutoencoderKl::to_rgb(&golden.expected("image")).unwrap();
    assert_eq!(
        golden
            .expected("bytes")
            .flatten_all()
            .unwrap()
            .to_vec1::<u8>()
            .unwrap(),
        bytes
    );
}
