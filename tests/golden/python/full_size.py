"""The whole pipeline at its published size: checkpoints in the published layouts, and what the reference makes of them.

    python full_size.py FOLDER

writes about 8 GB to FOLDER: a diffusers folder `sd15` (unet, vae, text_encoder, safety_checker), `image_encoder`
(CLIP-H), `ip-adapter-faceid-plusv2_sd15.bin` (f16, LoRA of rank 128), the two networks of full_faces.py and `goldens`,
which `cargo xtask verify parity` compares with. The weights are random, by the rules of the tiny goldens; the faults are theirs,
too. Modules are expected as the reference computes them in f64, the denoising loop and the picture as in f32.
"""

import copy
import gc
import json
import subprocess
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModelWithProjection

import clip_text
import clip_vision
import common
import loop
import models
import safety
import unet as tiny_unet
import vae
import weights
from common import Golden, set_up
from face import bgr_crop
from projection import with_tanh
from reference import ProjPlusModel
from weights import gain

SEED, SIDE, S_SCALE, LATENTS_TOLERANCE = 1234, 32, 1.0, 1e-3
UNET = {
    "sample_size": 64, "block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2,
    "cross_attention_dim": 768, "attention_head_dim": 8, "norm_num_groups": 32,
}  # fmt: skip
VAE = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4, "norm_num_groups": 32,
    "sample_size": 512, "scaling_factor": vae.SCALING, "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
CLIP_L_TEXT = {
    "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
    "hidden_act": "quick_gelu",
}  # fmt: skip
CLIP_H_VISION = {
    "hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "intermediate_size": 5120,
    "patch_size": 14, "image_size": 224, "hidden_act": "gelu", "projection_dim": 1024,
}  # fmt: skip
CLIP_L_VISION = {
    "hidden_size": 1024, "num_hidden_layers": 24, "intermediate_size": 4096, "hidden_act": "quick_gelu",
    "projection_dim": 768,
}  # fmt: skip


def fill(module, rules, prefix=""):
    """Fill a module by the rules, one tensor at a time."""
    for name, value in module.state_dict().items():
        entry = weights.specify({prefix + name: tuple(value.shape)}, rules)[prefix + name]
        value.copy_(weights.tensor(prefix + name, entry))
    return module.eval()


def save(module, folder, prefix="", name="model.safetensors", rename=str):
    """Weights and config as the library lays them out."""
    folder.mkdir(parents=True, exist_ok=True)
    state = module.state_dict().items()
    save_file({prefix + rename(key): value.contiguous() for key, value in state}, folder / name)
    config = module.config if isinstance(module.config, dict) else module.config.to_dict()
    (folder / "config.json").write_text(json.dumps(dict(config), indent=1, default=str) + "\n")


def exactly(function, module, *inputs):
    """The same in f64; the module is turned back."""
    result = function(module.double(), *(value.double() if value.is_floating_point() else value for value in inputs))
    module.float()
    return result


def text_encoder(folder):
    """Both prompts' hidden states, the negative one first."""
    model = fill(CLIPTextModel(CLIPTextConfig(**CLIP_L_TEXT)), clip_text.RULES, clip_text.PREFIX)
    save(model, folder / "sd15/text_encoder", clip_text.PREFIX)
    ids = torch.tensor([clip_text.token_ids(prompt) for prompt in (clip_text.PROMPTS[3], clip_text.PROMPTS[0])])
    golden = Golden("full_text_encoder")
    golden.input("input_ids", ids)
    states = model(ids).last_hidden_state
    exact = exactly(lambda model, ids: model(ids).last_hidden_state, model, ids)
    golden.expect("last_hidden_state", states, exact=exact)
    faulty = clip_text.gelu_instead_of_quick(model, ids)
    golden.mutate("gelu_erf", "last_hidden_state", faulty)
    golden.mutate("no_causal_mask", "last_hidden_state", clip_text.unmasked(model, ids))
    golden.save()
    return exact.float()


def image_encoder(folder):
    """Penultimate hidden states of the face and of zeros."""
    model = fill(CLIPVisionModelWithProjection(CLIPVisionConfig(**CLIP_H_VISION)), clip_vision.RULES)
    save(model, folder / "image_encoder")
    image = bgr_crop()
    pixels = clip_vision.pixel_values(image)
    pixels = torch.cat([pixels, torch.zeros_like(pixels)])
    golden = Golden("full_image_encoder")
    golden.input("image", torch.from_numpy(image))

    def penultimate(model, pixels):
        return clip_vision.hidden_states(model, pixels)[-2]

    states, exact = penultimate(model, pixels), exactly(penultimate, model, pixels)
    golden.expect("penultimate", states, exact=exact, relative=FULL_TOLERANCE)
    golden.mutate("last_hidden_state", "penultimate", clip_vision.hidden_states(model, pixels)[-1])
    for mutation, activation in {
        "quick_gelu": clip_vision.ACT2FN["quick_gelu"],
        "gelu_tanh": torch.nn.GELU(approximate="tanh"),
    }.items():
        for layer in model.vision_model.encoder.layers:
            layer.mlp.activation_fn = activation
        golden.mutate(mutation, "penultimate", penultimate(model, pixels))
    golden.save()
    return exact.float()


def adapter(folder, unet):
    """The adapter's projection and processors, rounded to f16 as published; writes the `.bin`."""
    projection = ProjPlusModel(768, 512, 1280, 4)
    models.LORA_RANK = 128
    processors = models.install_processors(unet)
    fill(projection, models.ADAPTER_RULES, "image_proj.")
    fill(processors, models.ADAPTER_RULES, "ip_adapter.")
    for module in (projection, processors):
        module.half().float()
    halves = [
        {name: value.half() for name, value in module.state_dict().items()} for module in (projection, processors)
    ]
    torch.save(dict(zip(("image_proj", "ip_adapter"), halves, strict=True)), folder / ADAPTER)
    return projection


def image_tokens(projection, clip):
    """Tokens of the face and of nobody, the unconditional row first."""
    generator = torch.Generator().manual_seed(21)
    identity = torch.nn.functional.normalize(torch.randn(1, 512, generator=generator))
    identity, clip = torch.cat([torch.zeros_like(identity), identity]), clip.flip(0)

    def project(projection, identity, clip):
        return projection(identity, clip, shortcut=True, scale=S_SCALE)

    golden = Golden("full_projection")
    golden.input("id_embeds", identity)
    golden.input("clip_hidden_states", clip)
    exact = exactly(project, projection, identity, clip)
    golden.expect("image_tokens", project(projection, identity, clip), exact=exact)
    golden.mutate("gelu_tanh", "image_tokens", project(with_tanh(projection), identity, clip))
    golden.mutate("shortcut_off", "image_tokens", projection(identity, clip, shortcut=False))
    golden.save()
    return exact.float()


def noise_pred(unet, latents, text, image):
    """One prediction of both rows at three timesteps, and what the faults make of the middle one."""
    rows = latents.repeat(2, 1, 1, 1)
    golden = Golden("full_unet")
    for name, value in zip(("latents", "text_tokens", "image_tokens"), (rows, text, image), strict=True):
        golden.input(name, value)
    timesteps = (1, 500, 941)
    predicted = [tiny_unet.predict(unet, rows, text, image, timestep) for timestep in timesteps]
    unet.double()
    for timestep, prediction in zip(timesteps, predicted, strict=True):
        exact = tiny_unet.predict(unet, rows.double(), text.double(), image.double(), timestep)
        golden.expect(f"noise_pred.t_{timestep}", prediction, exact=exact, relative=FULL_TOLERANCE)
    unet.float()
    for mutation in ("gelu_tanh", "lora_off", "lora_twice", "ip_scale_0"):
        fault = tiny_unet.FAULTS[mutation]
        faulty = copy.deepcopy(unet)
        fault(faulty)
        golden.mutate(mutation, "noise_pred.t_500", tiny_unet.predict(faulty, rows, text, image))
        del faulty
        gc.collect()
    swapped = tiny_unet.predict(unet, rows, text.flip(0), image.flip(0))
    golden.mutate("rows_swapped", "noise_pred.t_500", swapped)
    golden.save()


def denoise(unet, latents, text, image):
    """The latents after 21 steps."""
    golden = Golden("full_loop")
    golden.input("latents", latents)
    final = loop.denoise(unet, latents, text, image, 21)[-1]
    golden.expect("latents", final, relative=LATENTS_TOLERANCE)
    golden.mutate("guidance_7", "latents", loop.denoise(unet, latents, text, image, 21, guidance_scale=7.0)[-1])
    golden.save()
    return final


def decode(folder, latents):
    """The picture of the final latents."""
    model = fill(AutoencoderKL(**VAE), vae.RULES)
    save(model, folder / "sd15/vae", name="diffusion_pytorch_model.safetensors")
    golden = Golden("full_vae")
    golden.input("latents", latents)
    image, exact = vae.decode(model, latents), exactly(vae.decode, model, latents)
    golden.expect("image", image, exact=exact, relative=FULL_TOLERANCE)
    golden.expect("bytes", vae.to_bytes(image), tolerance=1.0)
    without_conv = copy.deepcopy(model)
    without_conv.post_quant_conv = torch.nn.Identity()
    golden.mutate("no_post_quant_conv", "image", vae.decode(without_conv, latents))
    golden.mutate("no_post_quant_conv", "bytes", vae.to_bytes(vae.decode(without_conv, latents)))
    golden.save()


def safety_checker(folder):
    """The cosines of the four pictures of safety.py."""
    vision = {**CLIP_H_VISION, **CLIP_L_VISION}
    model = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=vision["projection_dim"]))
    for name, value in model.state_dict().items():
        name = safety.published(name)
        entry = weights.specify({name: tuple(value.shape)}, [*safety.RULES, ("_embeds", gain(1.0))])[name]
        value.copy_(weights.tensor(name, entry))
    model.eval()
    save(model, folder / "sd15/safety_checker", rename=safety.published)
    pixels = safety.pixel_values(safety.pictures())
    golden = Golden("full_safety_checker")
    exact = exactly(safety.cosines, model, pixels)
    golden.expect("cosines", safety.cosines(model, pixels), exact=exact, relative=FULL_TOLERANCE)
    for layer in model.vision_model.encoder.layers:
        layer.mlp.activation_fn = torch.nn.GELU()
    golden.mutate("gelu_erf", "cosines", safety.cosines(model, pixels))
    golden.save()


# What every module is held to, as in the tiny goldens.
FULL_TOLERANCE = common.MODULE_TOLERANCE
ADAPTER = "ip-adapter-faceid-plusv2_sd15.bin"


def main(folder):
    set_up()
    torch.set_num_threads(2)
    # The rule is 20; the tiny goldens keep twice that, which gelu does not reach in so deep a network.
    common.LEAST_RATIO = 25.0
    common.DATA, common.MANIFEST = folder / "goldens", folder / "goldens/MANIFEST.json"
    common.DATA.mkdir(parents=True, exist_ok=True)
    text = text_encoder(folder)
    clip = image_encoder(folder)
    gc.collect()
    unet = fill(UNet2DConditionModel(**UNET), models.UNET_RULES)
    save(unet, folder / "sd15/unet", name="diffusion_pytorch_model.safetensors")
    image = image_tokens(adapter(folder, unet), clip)
    latents = torch.randn((1, 4, SIDE, SIDE), generator=torch.Generator().manual_seed(SEED))
    noise_pred(unet, latents, text, image)
    final = denoise(unet, latents, text, image)
    del unet
    gc.collect()
    decode(folder, final)
    safety_checker(folder)
    # In a process of its own: it sets other threads.
    subprocess.run([sys.executable, Path(__file__).with_name("full_faces.py"), folder], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
