"""A whole picture by the reference pipeline: IP-Adapter's `IPAdapterFaceIDPlus.generate` over tiny parts.

Source: IP-Adapter `ip_adapter_faceid.py` (v2: `shortcut=True`), diffusers `StableDiffusionPipeline`. The parts are
those of clip_text, clip_vision, unet, vae and the adapter. `input.face_bgr` is the aligned crop, blue first, as the
reference feeds it; `input.id_embeds` the unit identity vector; prompts and numbers in `end_to_end.config.json`.
"""

import json
import tempfile
from pathlib import Path

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from transformers import CLIPTokenizer

import clip_text
import clip_vision
import ddim
import vae
import weights
from common import LATENTS_TOLERANCE, Golden, set_up, write_json
from face import bgr_crop
from models import IMAGE_TOKENS, LORA_RANK, adapter_specification, build_unet
from reference import IPAdapterFaceIDPlus

CONFIG = {
    "prompt": "a photo of a woman, studio lighting, 35mm, best quality",
    "negative_prompt": "monochrome, lowres, bad anatomy, worst quality, low quality",
    "num_samples": 1,
    "width": 64,
    "height": 64,
    "num_inference_steps": 21,
    "guidance_scale": 7.5,
    "s_scale": 1.0,
    "scale": 1.0,
    "shortcut": True,
    "seed": 1234,
}


def build_tokenizer(folder):
    """transformers' CLIP tokenizer from the vocabulary and merges of tokenizer.json."""
    model = json.loads(clip_text.TOKENIZER.read_text())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=77, pad_token="<|endoftext|>")
    for prompt in [*clip_text.PROMPTS, CONFIG["prompt"], CONFIG["negative_prompt"]]:
        ids = tokenizer(prompt, padding="max_length", max_length=77, truncation=True).input_ids
        assert ids == clip_text.token_ids(prompt), prompt
    return tokenizer


def save_adapter(path):
    """The adapter as the published `.bin`: two dictionaries."""
    values = weights.tensors(adapter_specification())
    parts = {
        part: {name.removeprefix(f"{part}."): value for name, value in values.items() if name.startswith(f"{part}.")}
        for part in ("image_proj", "ip_adapter")
    }
    torch.save(parts, path)


def build(dtype=torch.float32):
    """The reference pipeline with the adapter loaded from files, as its users do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline = StableDiffusionPipeline(
            vae=vae.build(), text_encoder=clip_text.build(), tokenizer=build_tokenizer(folder), unet=build_unet(),
            scheduler=DDIMScheduler(**ddim.CONFIG), safety_checker=None, feature_extractor=None,
            requires_safety_checker=False,
        )  # fmt: skip
        if dtype != torch.float32:
            pipeline.to(dtype=dtype)
        pipeline.set_progress_bar_config(disable=True)
        clip_vision.build_adapter_encoder().save_pretrained(folder / "image_encoder")
        save_adapter(folder / "adapter.bin")
        return IPAdapterFaceIDPlus(
            pipeline, str(folder / "image_encoder"), str(folder / "adapter.bin"), "cpu",
            lora_rank=LORA_RANK, num_tokens=IMAGE_TOKENS, torch_dtype=dtype,
        )  # fmt: skip


class Reference:
    """Runs `generate` with the golden's arguments, some of them overridden."""

    def __init__(self, dtype=torch.float32):
        self.adapter = build(dtype)
        self.face_bgr = bgr_crop()
        generator = torch.Generator().manual_seed(21)
        self.id_embeds = torch.nn.functional.normalize(torch.randn(1, 512, generator=generator))

    def generate(self, output_type, **overrides):
        """What the pipeline returns for `output_type`."""
        arguments = {**CONFIG, "face_image": self.face_bgr, "faceid_embeds": self.id_embeds, **overrides}
        with torch.inference_mode():
            return self.adapter.generate(output_type=output_type, **arguments)

    def image_tokens(self):
        """Image tokens, the unconditional row first."""
        cond, uncond = self.adapter.get_image_embeds(
            self.id_embeds, self.face_bgr, CONFIG["s_scale"], CONFIG["shortcut"]
        )
        return torch.cat([uncond, cond]).clone()

    def latents(self, **overrides):
        """The final latents."""
        return self.generate("latent", **overrides).clone()

    def image(self, **overrides):
        """The picture, u8 `[height, width, 3]`, red first."""
        image = self.generate("np", **overrides)
        return torch.from_numpy((image[0] * 255).round().astype("uint8"))


class ZeroUncond:
    """Image tokens of zeros in the unconditional row."""

    def __init__(self, adapter):
        self.plain = adapter.get_image_embeds

    def __call__(self, *arguments):
        cond, uncond = self.plain(*arguments)
        return cond, torch.zeros_like(uncond)


def check_picture(image):
    """Neither flat nor saturated."""
    clipped = ((image == 0) | (image == 255)).double().mean().item()
    print(f"  end_to_end picture: std {image.double().std():.1f}, clipped {clipped:.4f}")
    assert 20 < image.double().std() < 90 and clipped < 0.05


def mutations(reference):
    """Overrides of each faulty run."""
    return {
        "seed_plus_1": {"seed": CONFIG["seed"] + 1},
        "s_scale_0": {"s_scale": 0.0},
        "shortcut_off": {"shortcut": False},
        "rgb_crop": {"face_image": reference.face_bgr[:, :, ::-1].copy()},
        "guidance_5": {"guidance_scale": 5.0},
        "empty_negative_prompt": {"negative_prompt": ""},
    }


def main():
    set_up()
    reference = Reference()
    golden = Golden("end_to_end", ["clip_text", "clip_vision", "unet", "adapter", "vae"])
    golden.input("face_bgr", torch.from_numpy(reference.face_bgr))
    golden.input("id_embeds", reference.id_embeds)
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(CONFIG["seed"]))
    exact = Reference(torch.float64)
    exact.id_embeds = reference.id_embeds.double()
    golden.expect("image_tokens", reference.image_tokens(), exact=exact.image_tokens())
    golden.expect(
        "latents", reference.latents(), relative=LATENTS_TOLERANCE, exact=exact.latents(latents=noise.double())
    )
    golden.expect("image", reference.image(), tolerance=1.0)
    check_picture(reference.image())

    for mutation, overrides in mutations(reference).items():
        golden.mutate(mutation, "latents", reference.latents(**overrides))
        golden.mutate(mutation, "image", reference.image(**overrides))
    reference.adapter.get_image_embeds = ZeroUncond(reference.adapter)
    golden.mutate("zero_uncond_image_tokens", "latents", reference.latents())
    golden.mutate("zero_uncond_image_tokens", "image", reference.image())
    write_json("end_to_end.config.json", CONFIG)
    golden.save()


if __name__ == "__main__":
    main()
