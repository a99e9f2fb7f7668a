use candle_core::{Device, Tensor};
use facegen_diffusion::{DdimConfig, DdimScheduler, Scheduler};

use crate::support::Golden;

const STEPS: [usize; 3] = [21, 31, 41];

#[test]
fn the_schedules_are_those_of_diffusers() {
    let golden = Golden::load("ddim");
    let alphas = Tensor::new(DdimConfig::default().alphas_cumprod(), &Device::Cpu).unwrap();
    golden.check("alphas_cumprod", &alphas);
    for steps in STEPS {
        let scheduler = DdimScheduler::new(&DdimConfig::default(), steps).unwrap();
        let timesteps: Vec<i64> = scheduler
            .timesteps()
            .iter()
            .map(|&timestep| timestep as i64)
            .collect();
        golden.check(
            &format!("timesteps.{steps}"),
            &Tensor::new(timesteps, &Device::Cpu).unwrap(),
        );
    }
}

#[test]
fn latents_follow_the_reference_through_every_schedule() {
    let golden = Golden::load("ddim");
    let direction = golden.input("direction");
    for steps in STEPS {
        let scheduler = DdimScheduler::new(&DdimConfig::default(), steps).unwrap();
        let mut latents = golden.input("latents");
        for (index, &timestep) in scheduler.timesteps().iter().enumerate() {
            let noise_pred = toy_noise_pred(&direction, timestep, &latents);
            latents = scheduler.step(&noise_pred, index, &latents).unwrap();
            if [1, 5, steps].contains(&(index + 1)) {
                golden.check(&format!("latents.{steps}.after_{}", index + 1), &latents);
            }
        }
    }
}

#[test]
fn steps_beyond_the_schedule_are_refused() {
    let scheduler = DdimScheduler::new(&DdimConfig::default(), 21).unwrap();
    let latents = Golden::load("ddim").input("latents");
    assert!(scheduler.step(&latents, 21, &latents).is_err());
    assert!(DdimScheduler::new(&DdimConfig::default(), 0).is_err());
    assert!(DdimScheduler::new(&DdimConfig::default(), 1001).is_err());
}

/// Stands for the UNet, as in `python/ddim.py`.
fn toy_noise_pred(direction: &Tensor, timestep: usize, latents: &Tensor) -> Tensor {
    let cosine = (timestep as f64 / 100.0).cos();
    ((direction * cosine).unwrap() + (latents * 0.3).unwrap()).unwrap()
}
