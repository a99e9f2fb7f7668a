"""The denoising loop: tiny UNet with adapter, classifier-free guidance 7.5, DDIM, noise from seed 1234.

Source: diffusers `StableDiffusionPipeline.__call__` (its loop), IP-Adapter `generate`: rows `[uncond, cond]`,
`noise_pred = uncond + guidance_scale * (cond - uncond)`. Tokens as in unet.py.
"""

import copy

import torch

from common import LATENTS_TOLERANCE, Golden, set_up
from ddim import STEPS, scheduler
from models import build_adapted_unet, set_scale
from unet import make_inputs, predict

GUIDANCE_SCALE, SEED = 7.5, 1234


def denoise(unet, latents, text, image, steps, guidance_scale=GUIDANCE_SCALE, **fault):
    """The latents after each step."""
    ddim, states = scheduler(steps, **fault), []
    for timestep in ddim.timesteps:
        uncond, cond = predict(unet, torch.cat([latents] * 2), text, image, timestep).chunk(2)
        noise_pred = uncond + guidance_scale * (cond - uncond)
        latents = ddim.step(noise_pred, timestep, latents).prev_sample
        states.append(latents)
    return states


def assert_stable(unet, latents, text, image, final):
    """Rounding must not grow chaotically: 1e-7 of the initial latents moves the final ones by under 1e-5."""
    shift = 1e-7 * torch.randn(latents.shape, generator=torch.Generator().manual_seed(3))
    moved = denoise(unet, latents + shift * latents.std(), text, image, 21)[-1] - final
    growth = (moved.abs().max() / final.std()).item()
    print(f"  loop: latents end at std {final.std():.2f}; a shift of 1e-7 grows to {growth:.1e}")
    assert growth < 1e-5


def main():
    set_up()
    unet = build_adapted_unet()
    _, text, image = make_inputs()
    latents = torch.randn((1, 4, 16, 16), generator=torch.Generator().manual_seed(SEED))
    golden = Golden("loop", ["unet", "adapter"])
    golden.input("latents", latents)
    golden.input("text_tokens", text)
    golden.input("image_tokens", image)

    double = [value.double() for value in (latents, text, image)]
    for steps in STEPS:
        states = denoise(unet, latents, text, image, steps)
        exact = denoise(copy.deepcopy(unet).double(), *double, steps)
        for step in (1, 5, steps) if steps == 21 else (steps,):
            name = f"latents.{steps}.after_{step}"
            golden.expect(name, states[step - 1], relative=LATENTS_TOLERANCE, exact=exact[step - 1])
        if steps == 21:
            assert_stable(unet, latents, text, image, states[-1])

    silent = copy.deepcopy(unet)
    set_scale(silent, 0.0)
    mutated = {
        "rows_swapped": denoise(unet, latents, text.flip(0), image.flip(0), 21),
        "guidance_7": denoise(unet, latents, text, image, 21, guidance_scale=7.0),
        "ip_scale_0": denoise(silent, latents, text, image, 21),
        "steps_offset_0": denoise(unet, latents, text, image, 21, steps_offset=0),
    }
    for mutation, states in mutated.items():
        golden.mutate(mutation, "latents.21.after_21", states[-1])
    golden.save()


if __name__ == "__main__":
    main()
