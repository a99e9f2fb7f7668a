//! What must not change a result: the batch, the layout, the other requests.

use candle_core::{DType, Device, Tensor};
use facegen_diffusion::{Conditioning, ImagePrompt, PreparedConditioning, UNet2DConditionModel};
use facegen_nn::{FeatureMap, NoiseSource};

use crate::support::{Measure, distance, gpu_path, native, unet_and_projection, vae};

/// Text and image tokens of the four requests of a batch: 77 + 4, 77 + 16, no
/// image, and a longer text.
const TOKENS: [(usize, usize); 4] = [(77, 4), (77, 16), (77, 0), (154, 4)];
const TIMESTEPS: [f32; 4] = [941.0, 500.0, 48.0, 1.0];

fn noise(seed: u32, shape: &[usize]) -> Tensor {
    let values = NoiseSource::new(seed).normal(shape.iter().product());
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn requests(unet: &UNet2DConditionModel) -> Vec<PreparedConditioning> {
    let prepare = |(index, &(text, image)): (usize, &(usize, usize))| {
        let seed = index as u32;
        let image = (image > 0).then(|| ImagePrompt {
            tokens: noise(100 + seed, &[1, image, 128]),
            scale: 0.5 + f64::from(seed),
        });
        unet.prepare(&Conditioning {
            text: noise(200 + seed, &[1, text, 128]),
            image,
        })
        .unwrap()
    };
    TOKENS.iter().enumerate().map(prepare).collect()
}

fn bytes(tensor: &Tensor) -> Vec<u32> {
    tensor
        .flatten_all()
        .unwrap()
        .to_vec1::<f32>()
        .unwrap()
        .into_iter()
        .map(f32::to_bits)
        .collect()
}

#[test]
fn four_requests_in_one_call_give_the_bytes_of_four_calls() {
    let compute = native();
    let (unet, _) = unet_and_projection(&compute);
    let prepared = requests(&unet);
    // Odd sizes reach the edges of every tile.
    for (height, width) in [(16, 16), (9, 13)] {
        let latents = noise(7, &[4, 4, height, width]);
        let all = FeatureMap::from_nchw(&latents, &compute).unwrap();
        let conditionings: Vec<_> = prepared.iter().collect();
        let together = unet
            .forward(&all, &TIMESTEPS, &conditionings)
            .unwrap()
            .to_nchw()
            .unwrap();
        for (index, conditioning) in conditionings.into_iter().enumerate() {
            let own =
                FeatureMap::from_nchw(&latents.narrow(0, index, 1).unwrap(), &compute).unwrap();
            let alone = unet
                .forward(&own, &TIMESTEPS[index..=index], &[conditioning])
                .unwrap();
            let batched = together.narrow(0, index, 1).unwrap();
            assert_eq!(
                bytes(&alone.to_nchw().unwrap()),
                bytes(&batched),
                "sample {index} of {height}x{width}"
            );
        }
    }
}

#[test]
fn shared_rows_of_a_sample_change_no_byte() {
    let compute = native();
    let (unet, _) = unet_and_projection(&compute);
    let prepared = requests(&unet);
    let conditionings: Vec<_> = prepared.iter().collect();
    let (latents, rows) = (noise(10, &[3, 4, 9, 13]), [0, 1, 1, 2]);
    let shared = FeatureMap::from_nchw(&latents, &compute).unwrap();
    let shared = unet
        .forward_rows(&shared, &[941.0, 500.0, 1.0], &rows, &conditionings)
        .unwrap();
    let repeated = latents
        .index_select(&Tensor::new(&[0u32, 1, 1, 2], &Device::Cpu).unwrap(), 0)
        .unwrap();
    let repeated = FeatureMap::from_nchw(&repeated, &compute).unwrap();
    let repeated = unet
        .forward(&repeated, &[941.0, 500.0, 500.0, 1.0], &conditionings)
        .unwrap();
    assert_eq!(
        bytes(&shared.to_nchw().unwrap()),
        bytes(&repeated.to_nchw().unwrap())
    );

    let three = FeatureMap::from_nchw(&latents, &compute).unwrap();
    for wrong in [[0, 1, 1, 1], [1, 0, 1, 2], [0, 0, 2, 2], [0, 1, 2, 3]] {
        assert!(
            unet.forward_rows(&three, &[941.0, 500.0, 1.0], &wrong, &conditionings)
                .is_err(),
            "{wrong:?}"
        );
    }
}

#[test]
fn both_layouts_agree_over_the_whole_unet_and_vae() {
    for (height, width) in [(16, 16), (9, 13)] {
        let latents = noise(8, &[4, 4, height, width]);
        let results = [native(), gpu_path()].map(|compute| {
            let (unet, _) = unet_and_projection(&compute);
            let prepared = requests(&unet);
            let conditionings: Vec<_> = prepared.iter().collect();
            let latents = FeatureMap::from_nchw(&latents, &compute).unwrap();
            unet.forward(&latents, &TIMESTEPS, &conditionings)
                .unwrap()
                .to_nchw()
                .unwrap()
        });
        assert_close(&results[0], &results[1]);
    }
    let latents = noise(9, &[1, 4, 8, 12]);
    let images =
        [native(), gpu_path()].map(|compute| vae("vae", &compute).decode(&latents).unwrap());
    assert_close(&images[0], &images[1]);
}

/// Checks that values are within 2e-5 of their deviation: either layout is within 1e-5 of the
/// reference.
fn assert_close(one: &Tensor, other: &Tensor) {
    let values = one.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    let deviation = values.var(0).unwrap().to_scalar::<f64>().unwrap().sqrt();
    let most = distance(Measure::MaxAbs, one, other) / deviation;
    println!("the layouts differ by {most:.2e} deviations");
    assert!(most <= 2e-5, "the layouts differ by {most} deviations");
}
