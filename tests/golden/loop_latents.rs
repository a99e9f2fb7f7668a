use std::sync::Arc;

use candle_core::Device;
use facegen_diffusion::{DdimConfig, DdimScheduler, Scheduler};
use facegen_engine::denoise::{DenoiseState, Guidance, denoise_step};

use crate::support::{Golden, gpu_path, native, unet_and_projection};
use crate::unet::prepared_rows;

#[test]
fn latents_follow_the_reference_from_noise_to_the_last_step() {
    let golden = Golden::load("loop");
    for compute in [native(), gpu_path()] {
        let (unet, _) = unet_and_projection(&compute);
        for steps in [21, 31, 41] {
            let mut rows = prepared_rows(&golden, &unet, 1.0).into_iter();
            let (uncond, cond) = (rows.next(), rows.next().unwrap());
            let guidance = Arc::new(Guidance {
                cond,
                uncond,
                guidance_scale: 7.5,
            });
            let scheduler: Arc<dyn Scheduler> =
                Arc::new(DdimScheduler::new(&DdimConfig::default(), steps).unwrap());
            let mut state =
                DenoiseState::from_noise(1234, 128, 128, scheduler, guidance, &Device::Cpu)
                    .unwrap();
            while !state.is_done() {
                denoise_step(&unet, &mut [&mut state], &compute).unwrap();
                if state.step() == steps || (steps == 21 && [1, 5].contains(&state.step())) {
                    golden.check(
                        &format!("latents.{steps}.after_{}", state.step()),
                        state.latents(),
                    );
                }
            }
        }
    }
}
