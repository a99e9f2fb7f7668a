use candle_core::{Device, Tensor};
use facegen_diffusion::unet::timestep_embedding;
use facegen_diffusion::{Conditioning, ImagePrompt, PreparedConditioning, UNet2DConditionModel};
use facegen_nn::{Compute, FeatureMap};

use crate::support::{Golden, gpu_path, native, unet_and_projection};

/// Returns the golden's unconditional and conditional rows, prepared.
pub(crate) fn prepared_rows(
    golden: &Golden,
    unet: &UNet2DConditionModel,
    scale: f64,
) -> Vec<PreparedConditioning> {
    let (text, image) = (golden.input("text_tokens"), golden.input("image_tokens"));
    let row = |index: usize| {
        let tokens = image.narrow(0, index, 1).unwrap();
        let text = text.narrow(0, index, 1).unwrap();
        unet.prepare(&Conditioning {
            text,
            image: Some(ImagePrompt { tokens, scale }),
        })
        .unwrap()
    };
    (0..2).map(row).collect()
}

/// Calls the UNet once, all rows at one timestep.
pub(crate) fn predict(
    unet: &UNet2DConditionModel,
    latents: &Tensor,
    timestep: f32,
    rows: &[PreparedConditioning],
    compute: &Compute,
) -> Tensor {
    let latents = FeatureMap::from_nchw(latents, compute).unwrap();
    let rows: Vec<_> = rows.iter().collect();
    let timesteps = vec![timestep; rows.len()];
    unet.forward(&latents, &timesteps, &rows)
        .unwrap()
        .to_nchw()
        .unwrap()
}

#[test]
fn predicted_noise_is_that_of_diffusers_with_ip_adapters_processors() {
    let golden = Golden::load("unet");
    for compute in [native(), gpu_path()] {
        let (unet, _) = unet_and_projection(&compute);
        for scale in ["0.0", "0.6", "1.0"] {
            let rows = prepared_rows(&golden, &unet, scale.parse().unwrap());
            for timestep in [1.0, 500.0, 941.0] {
                let noise_pred =
                    predict(&unet, &golden.input("latents"), timestep, &rows, &compute);
                golden.check(
                    &format!("noise_pred.t_{timestep}.scale_{scale}"),
                    &noise_pred,
                );
            }
        }
        let rows = prepared_rows(&golden, &unet, 1.0);
        let quiet = predict(
            &unet,
            &golden.input("quiet_latents"),
            500.0,
            &rows,
            &compute,
        );
        golden.check("quiet_noise_pred.t_500.scale_1.0", &quiet);
        let odd = predict(&unet, &golden.input("odd_latents"), 500.0, &rows, &compute);
        golden.check("odd_noise_pred.t_500.scale_1.0", &odd);
    }
}

#[test]
fn time_steps_are_embedded_as_in_diffusers() {
    let golden = Golden::load("unet");
    for channels in [32, 320] {
        let rows =
            [1.0, 500.0, 941.0].map(|timestep| timestep_embedding(timestep, channels, true, 0.0));
        let actual = Tensor::from_vec(rows.concat(), (3, channels), &Device::Cpu).unwrap();
        golden.check(&format!("time_proj.{channels}"), &actual);
    }
}
