use candle_core::{Device, Tensor};
use facegen_diffusion::{DdimConfig, DdimScheduler, Scheduler, SchedulerConfig};

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
        let mut scheduler = DdimConfig::default().build(steps).unwrap();
        assert!((scheduler.init_noise_sigma() - 1.0).abs() < f64::EPSILON);
        let mut latents = golden.input("latents");
        for (index, timestep) in scheduler.timesteps().to_vec().into_iter().enumerate() {
            let input = scheduler.scale_model_input(&latents, timestep).unwrap();
            let noise_pred = toy_noise_pred(&direction, timestep, &input);
            latents = scheduler.step(&noise_pred, timestep, &latents).unwrap();
            if [1, 5, steps].contains(&(index + 1)) {
                golden.check(&format!("latents.{steps}.after_{}", index + 1), &latents);
            }
        }
    }
}

#[test]
fn steps_out_of_the_schedule_are_refused() {
    let latents = Golden::load("ddim").input("latents");
    let config = DdimConfig::default();
    // Skipped, repeated and one beyond the last.
    assert!(
        config
            .build(21)
            .unwrap()
            .step(&latents, 894.0, &latents)
            .is_err()
    );
    let mut scheduler = config.build(2).unwrap();
    for timestep in [501.0, 1.0] {
        scheduler.step(&latents, timestep, &latents).unwrap();
        assert!(scheduler.step(&latents, timestep, &latents).is_err());
    }
    assert!(DdimScheduler::new(&DdimConfig::default(), 0).is_err());
    assert!(DdimScheduler::new(&DdimConfig::default(), 1001).is_err());
}

/// Returns a replacement of the UNet's prediction, as in `python/ddim.py`.
fn toy_noise_pred(direction: &Tensor, timestep: f32, latents: &Tensor) -> Tensor {
    let cosine = (f64::from(timestep) / 100.0).cos();
    ((direction * cosine).unwrap() + (latents * 0.3).unwrap()).unwrap()
}
