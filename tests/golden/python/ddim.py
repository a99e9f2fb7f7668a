"""DDIM as SD 1.5 configures it, with a toy noise prediction.

Source: diffusers `DDIMScheduler`. `noise_pred = direction * cos(t / 100) + 0.3 * latents`, where the cosine is computed
in f64 and rounded to f32; everything else in f32.
"""

import math

import numpy
import torch
from diffusers import DDIMScheduler

from common import LATENTS_TOLERANCE, Golden, set_up

CONFIG = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "trained_betas": None,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "prediction_type": "epsilon",
    "thresholding": False,
    "dynamic_thresholding_ratio": 0.995,
    "clip_sample_range": 1.0,
    "sample_max_value": 1.0,
    "timestep_spacing": "leading",
    "rescale_betas_zero_snr": False,
}
STEPS = (21, 31, 41)
FAULTS = {
    "steps_offset_0": {"steps_offset": 0},
    "set_alpha_to_one": {"set_alpha_to_one": True},
    "linear_betas": {"beta_schedule": "linear"},
    "trailing_spacing": {"timestep_spacing": "trailing"},
    "clip_sample": {"clip_sample": True},
    "v_prediction": {"prediction_type": "v_prediction"},
}


def scheduler(steps, **fault):
    """A scheduler ready for `steps` steps; `fault` overrides single fields."""
    scheduler = DDIMScheduler(**{**CONFIG, **fault})
    scheduler.set_timesteps(steps)
    return scheduler


def toy_noise_pred(direction, timestep, latents):
    """Stands for the UNet."""
    return direction * numpy.float32(math.cos(int(timestep) / 100)) + numpy.float32(0.3) * latents


def latents_of_each_step(steps, direction, latents, **fault):
    """The latents after every step."""
    ddim, states = scheduler(steps, **fault), []
    for timestep in ddim.timesteps:
        latents = ddim.step(toy_noise_pred(direction, timestep, latents), timestep, latents).prev_sample
        states.append(latents)
    return states


def schedule(golden):
    """Time steps and cumulative alphas."""
    alphas_cumprod = scheduler(21).alphas_cumprod
    # The reference's own f32 product is up to 1e-6 off the f64 one.
    golden.expect("alphas_cumprod", alphas_cumprod, tolerance=1e-6)
    golden.mutate("linear_betas", "alphas_cumprod", scheduler(21, beta_schedule="linear").alphas_cumprod)
    for steps in STEPS:
        # Integers: any difference is a fault.
        golden.expect(f"timesteps.{steps}", scheduler(steps).timesteps, tolerance=0.02)
        for mutation in ("steps_offset_0", "trailing_spacing"):
            golden.mutate(mutation, f"timesteps.{steps}", scheduler(steps, **FAULTS[mutation]).timesteps)


def main():
    set_up()
    generator = torch.Generator().manual_seed(5)
    latents, direction = (torch.randn((1, 4, 8, 8), generator=generator) for _ in range(2))
    golden = Golden("ddim")
    golden.input("latents", latents)
    golden.input("direction", direction)
    schedule(golden)
    for steps in STEPS:
        states = latents_of_each_step(steps, direction, latents)
        for step in (1, 5, steps):
            golden.expect(f"latents.{steps}.after_{step}", states[step - 1], relative=LATENTS_TOLERANCE)
    for mutation, fault in FAULTS.items():
        faulty = latents_of_each_step(21, direction, latents, **fault)
        golden.mutate(mutation, "latents.21.after_21", faulty[-1])
    golden.save()


if __name__ == "__main__":
    main()
