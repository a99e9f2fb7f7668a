use std::sync::Arc;

use candle_core::Device;
use facegen_diffusion::{DdimConfig, SchedulerConfig};
use facegen_engine::sd15::denoise::{DenoiseState, Guidance, denoise_step};

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
            let scheduler = DdimConfig::default().build(steps).unwrap();
            let mut state =
                DenoiseState::from_noise(1234, 128, 128, scheduler, guidance, &Device::Cpu)
                    .unwrap();
            while state.steps_left() > 0 {
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

/// Checks that two requests at different steps, sizes of their groups of rows
/// and guidance share a call and get the latents that they get alone.
#[test]
fn states_that_share_a_call_get_their_own_latents() {
    let (golden, compute) = (Golden::load("loop"), native());
    let (unet, _) = unet_and_projection(&compute);
    let start = |seed: u32, steps: usize, guided: bool| {
        let mut rows = prepared_rows(&golden, &unet, 1.0).into_iter();
        let (uncond, cond) = (rows.next(), rows.next().unwrap());
        let guidance = Guidance {
            cond,
            uncond: uncond.filter(|_| guided),
            guidance_scale: 3.0,
        };
        let scheduler = DdimConfig::default().build(steps).unwrap();
        DenoiseState::from_noise(seed, 128, 128, scheduler, Arc::new(guidance), &Device::Cpu)
            .unwrap()
    };
    let bytes = |state: &DenoiseState| state.latents().flatten_all().unwrap().to_vec1::<f32>();

    let (mut one, mut other) = (start(1, 21, true), start(2, 31, false));
    let (mut one_alone, mut other_alone) = (start(1, 21, true), start(2, 31, false));
    denoise_step(&unet, &mut [&mut one], &compute).unwrap();
    for _ in 0..2 {
        denoise_step(&unet, &mut [&mut one, &mut other], &compute).unwrap();
    }
    for _ in 0..3 {
        denoise_step(&unet, &mut [&mut one_alone], &compute).unwrap();
    }
    for _ in 0..2 {
        denoise_step(&unet, &mut [&mut other_alone], &compute).unwrap();
    }
    assert_eq!((one.step(), other.step()), (3, 2));
    assert_eq!(bytes(&one).unwrap(), bytes(&one_alone).unwrap());
    assert_eq!(bytes(&other).unwrap(), bytes(&other_alone).unwrap());
}
