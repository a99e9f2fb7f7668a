"""One noise prediction of the tiny UNet with the adapter installed (LoRA and decoupled image attention).

Source: diffusers `UNet2DConditionModel`; IP-Adapter `attention_processor_faceid.py`. Row 0 is the unconditional one,
row 1 the conditional one; each has 77 text tokens and 4 image tokens.
"""

import copy

import torch
from diffusers.models.activations import GEGLU
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import Timesteps

import weights
from common import QUIET_TOLERANCE, Golden, set_up
from cross_attention import replace_cross_attentions
from models import CONTEXT, IMAGE_TOKENS, TEXT_TOKENS, adapter_specification, build_adapted_unet, set_scale
from probe import Probe

TIMESTEPS = (1, 500, 941)
SCALES = (0.0, 0.6, 1.0)
MUTATED = "noise_pred.t_500.scale_1.0"
BRANCHES = [
    r"time_embedding$", r"time_emb_proj$", r"resnets\.\d\.conv1$", r"resnets\.\d\.conv2$", r"conv_shortcut$",
    r"samplers\.0$", r"proj_in$", r"attn1$", r"attn2$", r"attn1\..*to_(q|k|v)_lora$", r"attn1\..*to_out_lora$",
    r"attn2\..*to_(q|k|v)_lora$", r"attn2\..*to_out_lora$", r"ff\.net\.0\.proj$", r"ff$", r"attentions\.\d\.proj_out$",
    r"(down|up)_blocks\.\d\.resnets\.\d$", r"mid_block$", r"^conv_out$",
]  # fmt: skip


def make_inputs():
    """Latents, text tokens and image tokens of both rows."""
    generator = torch.Generator().manual_seed(11)
    latents = torch.randn((2, 4, 16, 16), generator=generator)
    text = torch.randn((2, TEXT_TOKENS, CONTEXT), generator=generator)
    image = 1.3 * torch.randn((2, IMAGE_TOKENS, CONTEXT), generator=generator)
    return latents, text, image


def predict(unet, latents, text, image, timestep=500):
    """`noise_pred` of both rows."""
    return unet(latents, timestep, encoder_hidden_states=torch.cat([text, image], dim=1)).sample


def tanh_geglu(unet):
    """GEGLU with the tanh approximation."""
    for module in unet.modules():
        if isinstance(module, GEGLU):
            module.gelu = lambda gate: torch.nn.functional.gelu(gate, approximate="tanh")


def lora_scale(factor):
    """LoRA applied `factor` times."""

    def fault(unet):
        for processor in unet.attn_processors.values():
            processor.lora_scale = factor

    return fault


def eight_heads(unet):
    """`attention_head_dim` taken for something else than the number of heads."""
    for module in unet.modules():
        if isinstance(module, Attention):
            module.heads = 8


def sine_first(unet):
    """Sine before cosine in the time embedding."""
    unet.time_proj.flip_sin_to_cos = False


def three_image_tokens(unet):
    """The first image token taken for a text token."""
    for processor in unet.attn_processors.values():
        processor.num_tokens = IMAGE_TOKENS - 1


def mid_block_before_up_blocks(unet):
    """Numbers given in the order down, mid, up, among the modules of equal shape (up blocks 1 and 2, and mid)."""
    processors = list(unet.attn_processors.values())
    specification = adapter_specification()
    numbers, modules = [*range(12, 24), 30, 31], [30, 31, *range(12, 24)]
    for number, module in zip(numbers, modules, strict=True):
        weights.load(processors[module], specification, f"ip_adapter.{number}.")


def small_epsilon(unet):
    """Epsilon 1e-6 in place of 1e-5 in the ResNet blocks' group norms."""
    for name, module in unet.named_modules():
        if isinstance(module, torch.nn.GroupNorm) and "resnets" in name:
            module.eps = 1e-6


def cross_attention_fault(fault):
    """A fault inside the cross attention."""
    return lambda unet: replace_cross_attentions(unet, fault=fault)


FAULTS = {
    "gelu_tanh": tanh_geglu,
    "ip_scale_0": lambda unet: set_scale(unet, 0.0),
    "ip_after_to_out": cross_attention_fault("ip_after_to_out"),
    "lora_on_ip": cross_attention_fault("lora_on_ip"),
    "lora_off": lora_scale(0.0),
    "lora_twice": lora_scale(2.0),
    "mid_block_before_up_blocks": mid_block_before_up_blocks,
    "sine_first": sine_first,
    "eight_heads": eight_heads,
    "three_image_tokens": three_image_tokens,
}


def broken(unet, fault):
    """A copy of the UNet with a fault."""
    unet = copy.deepcopy(unet)
    fault(unet)
    return unet


def report_branches(unet, inputs):
    """The table of branch sizes, and the proof that `CrossAttention` without a fault is the reference's."""
    observed = copy.deepcopy(unet)
    probe = Probe("unet", observed, BRANCHES)
    replace_cross_attentions(observed, probe=probe)
    same = predict(observed, *inputs)
    probe.report()
    assert (same - predict(unet, *inputs)).abs().max() < 5e-6 * same.std()


def expect_predictions(golden, unet, inputs):
    """Three time steps at three adapter scales."""
    exact_unet, exact_inputs = copy.deepcopy(unet).double(), [value.double() for value in inputs]
    for scale in SCALES:
        set_scale(unet, scale)
        set_scale(exact_unet, scale)
        for timestep in TIMESTEPS:
            exact = predict(exact_unet, *exact_inputs, timestep)
            noise_pred = predict(unet, *inputs, timestep)
            name = f"noise_pred.t_{timestep}.scale_{scale}"
            golden.expect(name, noise_pred, exact=exact)


def expect_quiet_prediction(golden, unet, inputs):
    """Latents so small that the first group norm meets a variance of about 1e-4 and its epsilon counts."""
    quiet = [inputs[0] * 1e-3, *inputs[1:]]
    exact = predict(copy.deepcopy(unet).double(), *(value.double() for value in quiet))
    golden.input("quiet_latents", quiet[0])
    golden.expect("quiet_noise_pred.t_500.scale_1.0", predict(unet, *quiet), relative=QUIET_TOLERANCE, exact=exact)
    faulty = predict(broken(unet, small_epsilon), *quiet)
    golden.mutate("resnet_eps_1e-6", "quiet_noise_pred.t_500.scale_1.0", faulty)


def expect_odd_prediction(golden, unet, inputs):
    """Latents whose sides cannot be halved evenly: diffusers hands each upsampler the size of the next skip."""
    odd = [torch.randn((2, 4, 9, 13), generator=torch.Generator().manual_seed(12)), *inputs[1:]]
    exact = predict(copy.deepcopy(unet).double(), *(value.double() for value in odd))
    golden.input("odd_latents", odd[0])
    golden.expect("odd_noise_pred.t_500.scale_1.0", predict(unet, *odd), exact=exact)


def expect_time_projection(golden):
    """The sinusoids of the tiny UNet (32 channels) and of SD 1.5 (320).

    The frequencies `exp(-ln(10000) * i / half)` are rounded to f32 before they are multiplied by the time step: at
    step 941 an all-f64 version is 1e-5 (32) and 4e-5 (320) off, as is a last-bit difference of the exponential.
    """
    timesteps = torch.tensor(TIMESTEPS)
    for channels in (32, 320):
        name = f"time_proj.{channels}"
        golden.expect(name, Timesteps(channels, True, 0)(timesteps), tolerance=2e-6 if channels == 32 else 1e-4)
        golden.mutate("sine_first", name, Timesteps(channels, False, 0)(timesteps))
        golden.mutate("downscale_freq_shift_1", name, Timesteps(channels, True, 1)(timesteps))


def main():
    set_up()
    unet = build_adapted_unet()
    inputs = make_inputs()
    report_branches(unet, inputs)
    golden = Golden("unet", ["unet", "adapter"])
    for name, value in zip(("latents", "text_tokens", "image_tokens"), inputs, strict=True):
        golden.input(name, value)
    expect_time_projection(golden)
    expect_predictions(golden, unet, inputs)

    for mutation, fault in FAULTS.items():
        golden.mutate(mutation, MUTATED, predict(broken(unet, fault), *inputs))
    latents, text, image = inputs
    golden.mutate("rows_swapped", MUTATED, predict(unet, latents, text.flip(0), image.flip(0)))
    reordered = torch.cat([image, text], dim=1).split([TEXT_TOKENS, IMAGE_TOKENS], dim=1)
    golden.mutate("image_tokens_first", MUTATED, predict(unet, latents, *reordered))
    expect_quiet_prediction(golden, unet, inputs)
    expect_odd_prediction(golden, unet, inputs)
    golden.save()


if __name__ == "__main__":
    main()
