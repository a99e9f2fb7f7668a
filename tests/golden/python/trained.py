"""A portrait by the reference pipeline on the demo preset's trained networks: a fault shows in it to the eye as well.

Source: IP-Adapter `IPAdapterFaceIDPlus.generate`, as in `end_to_end.py`, but everything is loaded from the published
layouts under `models/demo`, and the face comes from a photograph: YuNet, the alignment and the embedder run here too.
With `--sheet FILE` the picture and its mutations are drawn side by side at 512 pixels, and with `--program FACEGEN` the
picture is compared with that of `facegen generate` at 512 pixels; nothing else is written then.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.activations import GEGLU
from PIL import Image, ImageDraw
from transformers import CLIPTextModel

import ddim
from common import REPOSITORY, Golden, set_up, write_json
from end_to_end import build_tokenizer
from models import LORA_RANK
from reference import IPAdapterFaceIDPlus
from vision_alignment import norm_crop
from vision_faces import YUNET, detect, embedding, session
from vision_photographs import photograph

DEMO = REPOSITORY / "models/demo"
CONFIG = {
    "prompt": "a portrait of a woman with brown hair, wearing a blue sweater, smiling, yellow background",
    "negative_prompt": "hat, glasses",
    "num_samples": 1,
    "width": 192,
    "height": 192,
    "num_inference_steps": 21,
    "guidance_scale": 7.5,
    "s_scale": 1.0,
    "scale": 1.0,
    "shortcut": True,
    "seed": 1234,
}


def build():
    """The reference pipeline on the trained parts."""
    with tempfile.TemporaryDirectory() as name:
        pipeline = StableDiffusionPipeline(
            vae=AutoencoderKL.from_pretrained(DEMO / "vae", torch_dtype=torch.float32),
            text_encoder=CLIPTextModel.from_pretrained(DEMO / "text_encoder", dtype=torch.float32),
            tokenizer=build_tokenizer(Path(name)),
            unet=UNet2DConditionModel.from_pretrained(DEMO / "unet", torch_dtype=torch.float32),
            scheduler=DDIMScheduler(**ddim.CONFIG), safety_checker=None, feature_extractor=None,
            requires_safety_checker=False,
        )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    return IPAdapterFaceIDPlus(
        pipeline, str(DEMO / "image_encoder"), str(DEMO / "adapter/ip-adapter-faceid-plusv2.safetensors"), "cpu",
        lora_rank=LORA_RANK, num_tokens=4, torch_dtype=torch.float32,
    )  # fmt: skip


def face(file):
    """The crop for the image encoder, blue first, and the identity of unit length."""
    picture = photograph(file)
    landmarks = detect(session(YUNET), picture)[0, 5:].reshape(5, 2)
    raw = embedding(session(str(DEMO / "face_embedder/portrait_embedder.onnx")), norm_crop(picture, landmarks, 112).numpy())
    crop = norm_crop(picture, landmarks, 224).numpy()
    return numpy.ascontiguousarray(crop[:, :, ::-1]), torch.nn.functional.normalize(raw[None], dim=1)


class Reference:
    """Runs `generate` with the golden's arguments, some of them overridden."""

    def __init__(self, **overrides):
        self.adapter, self.config = build(), CONFIG | overrides
        self.crop, self.identity = face("astronaut.png")

    def image(self, **overrides):
        """The picture, u8 `[height, width, 3]`, red first."""
        arguments = {**self.config, "face_image": self.crop, "faceid_embeds": self.identity, **overrides}
        with torch.inference_mode():
            image = self.adapter.generate(output_type="np", **arguments)
        return torch.from_numpy((image[0] * 255).round().astype("uint8"))

    def without_lora(self):
        for processor in self.adapter.pipe.unet.attn_processors.values():
            processor.lora_scale = 0.0
        image = self.image()
        for processor in self.adapter.pipe.unet.attn_processors.values():
            processor.lora_scale = 1.0
        return image

    def with_gelu(self, gelu):
        plain = GEGLU.gelu
        GEGLU.gelu = lambda _, gate: gelu(gate)
        image = self.image()
        GEGLU.gelu = plain
        return image

    def with_scheduler(self, **changes):
        plain = self.adapter.pipe.scheduler
        self.adapter.pipe.scheduler = DDIMScheduler(**(ddim.CONFIG | changes))
        image = self.image()
        self.adapter.pipe.scheduler = plain
        return image

    def with_unet(self, change):
        """With `change` around the UNet's forward."""
        unet = self.adapter.pipe.unet
        plain = unet.forward
        unet.forward = lambda *arguments, **options: change(plain, *arguments, **options)
        image = self.image()
        unet.forward = plain
        return image

    def with_rows_swapped(self):
        """Guidance with the prediction's halves in the wrong order: away from the prompt."""

        def swapped(plain, *arguments, **options):
            result = plain(*arguments, **options)
            return (result[0].roll(len(result[0]) // 2, 0), *result[1:])

        return self.with_unet(swapped)

    def with_timestep_shifted(self):
        """The UNet told the time of four steps later."""
        late = 4 * (1000 // CONFIG["num_inference_steps"])
        return self.with_unet(lambda plain, x, t, *more, **options: plain(x, (t - late).clamp(min=0), *more, **options))


def mutations(reference):
    """Each fault that the golden holds, with the picture that it makes."""
    yield "channels_swapped", reference.image().flip(2)
    yield "timestep_shifted", reference.with_timestep_shifted()
    yield "rows_swapped", reference.with_rows_swapped()
    yield "ip_scale_0", reference.image(scale=0.0)
    yield "s_scale_0", reference.image(s_scale=0.0)
    yield "empty_negative_prompt", reference.image(negative_prompt="")


def faint_mutations(reference):
    """Faults that move a trained picture by too little for its golden: those of random weights tell them."""
    yield "lora_off", reference.without_lora()
    yield "steps_offset_0", reference.with_scheduler(steps_offset=0)
    yield "quick_gelu", reference.with_gelu(lambda gate: gate * torch.sigmoid(1.702 * gate))
    yield "gelu_tanh", reference.with_gelu(lambda gate: torch.nn.functional.gelu(gate, approximate="tanh"))


def label(name, moved):
    """The fault, and by how many levels of a byte it moves the picture."""
    return f"{name}: at most {moved.max():.0f}, mean {moved.mean():.1f}" if moved.any() else name


def draw_sheet(path):
    """The picture and every mutation with its name, at 512 pixels, reduced by half."""
    reference = Reference(width=512, height=512)
    tiles = [("the picture", reference.image()), *mutations(reference), *faint_mutations(reference)]
    columns = 4
    sheet = Image.new("RGB", (columns * 256, -(-len(tiles) // columns) * 276), "white")
    for place, (name, image) in enumerate(tiles):
        moved = (image.int() - tiles[0][1].int()).abs().float()
        left, top = place % columns * 256, place // columns * 276
        sheet.paste(Image.fromarray(image.numpy()).resize((256, 256), Image.LANCZOS), (left, top))
        ImageDraw.Draw(sheet).text((left + 4, top + 260), label(name, moved), fill="black")
    sheet.save(path)


def compare(program):
    """The largest difference of `facegen generate` from the reference, in levels of a byte."""
    expected = Reference(width=512, height=512).image().int()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "picture.png"
        options = {
            "--models-dir": REPOSITORY / "models", "--preset": "demo", "--safety-checker": "false", "--out": out,
            "--face": REPOSITORY / "tests/assets/photographs/astronaut.png", "--prompt": CONFIG["prompt"],
            "--negative-prompt": CONFIG["negative_prompt"], "--seed": CONFIG["seed"],
        }  # fmt: skip
        words = [str(word) for pair in options.items() for word in pair]
        subprocess.run([program, "generate", *words], check=True, capture_output=True)
        made = torch.from_numpy(numpy.array(Image.open(out).convert("RGB"))).int()
    difference = (made - expected).abs()
    print(f"512x512: at most {difference.max().item()} levels, {(difference > 0).float().mean().item():.4%} of bytes differ")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sheet")
    parser.add_argument("--program")
    arguments = parser.parse_args()
    set_up()
    cv2.setNumThreads(1)
    if arguments.sheet:
        draw_sheet(arguments.sheet)
        return
    if arguments.program:
        compare(arguments.program)
        return
    reference = Reference()
    golden = Golden("trained")
    golden.expect("image", reference.image(), tolerance=1.0)
    for mutation, image in mutations(reference):
        golden.mutate(mutation, "image", image)
    write_json("trained.config.json", CONFIG)
    golden.save()


if __name__ == "__main__":
    main()
