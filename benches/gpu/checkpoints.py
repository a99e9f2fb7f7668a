"""Random checkpoints in the published layouts, and presets of them.

    python checkpoints.py DIRECTORY --models DIR [--device cuda] [--dtype f16] [--tiny] [--only unet,vae,adapter]
        [--embedder FILE]

writes `unet`, `vae`, `text_encoder`, `image_encoder` and `adapter`, and where `--only` names it `safety_checker`;
`input.safetensors` (what compare.py and the program `step` compute with); and three presets: `full.toml` of these
networks, with the others of the demo in `--models`, `full-bf16.toml`, which is bf16 on a CPU, and `half.toml`, the demo
itself in f16 on a GPU. Weights are drawn on the device: they differ between devices.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModelWithProjection

import layouts
import rules
from timing import DTYPES, report

ADAPTER = "ip-adapter-faceid-plusv2_sd15.bin"
DIFFUSERS, TRANSFORMERS = "diffusion_pytorch_model.safetensors", "model.safetensors"
FILES = {
    "unet": DIFFUSERS, "vae": DIFFUSERS, "text_encoder": TRANSFORMERS, "image_encoder": TRANSFORMERS,
    "safety_checker": TRANSFORMERS, "adapter": ADAPTER,
}  # fmt: skip
DEMO = FILES | {
    "tokenizer": "tokenizer.json", "face_detector": "yunet_2023mar.onnx",
    "face_embedder": "portrait_embedder.onnx", "safety_checker": TRANSFORMERS,
    "adapter": "ip-adapter-faceid-plusv2.safetensors",
}  # fmt: skip
WITHOUT_CONFIG = ("tokenizer", "face_detector", "face_embedder")


def networks(sizes):
    """Each network without values, and the prefix of its tensors in published files."""
    with torch.device("meta"):
        return {
            "unet": (UNet2DConditionModel(**sizes["unet"]), ""),
            "vae": (AutoencoderKL(**sizes["vae"], **layouts.VAE_BLOCKS), ""),
            "text_encoder": (CLIPTextModel(CLIPTextConfig(**sizes["text_encoder"])), "text_model."),
            "image_encoder": (CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes["image_encoder"])), ""),
            "safety_checker": (StableDiffusionSafetyChecker(checker(sizes["safety_checker"])), "vision_model."),
        }


def checker(size):
    """The config of a safety checker of that size."""
    return CLIPConfig(vision_config=size, projection_dim=size["projection_dim"])


def published(name, prefix):
    """The name in published files, which newer libraries shorten: by the first level, or by one of two."""
    if prefix == "text_model.":
        return name if name.startswith(prefix) else prefix + name
    return prefix + name if prefix and name.startswith(prefix) else name


def write_network(directory, network, prefix, draw):
    """Weights and config as the library lays them out."""
    directory.mkdir(parents=True, exist_ok=True)
    state = {published(name, prefix): tuple(value.shape) for name, value in network.state_dict().items()}
    state = {name: shape for name, shape in state.items() if not name.endswith("position_ids")}
    save_file({name: draw(name, shape) for name, shape in state.items()}, directory / FILES[directory.name])
    config = network.config if isinstance(network.config, dict) else network.config.to_dict()
    (directory / "config.json").write_text(json.dumps(dict(config), indent=1, default=str) + "\n")
    return sum(torch.Size(shape).numel() for shape in state.values())


def write_adapter(directory, sizes, draw):
    """The adapter as published: two dictionaries in one file of torch."""
    directory.mkdir(parents=True, exist_ok=True)
    parts = {"image_proj": {}, "ip_adapter": {}}
    for name, shape in layouts.adapter_shapes(sizes).items():
        part, _, rest = name.partition(".")
        parts[part][rest] = draw(name, shape)
    torch.save(parts, directory / ADAPTER)
    config = {
        "cross_attention_dim": sizes["unet"]["cross_attention_dim"],
        "clip_embedding_dim": sizes["image_encoder"]["hidden_size"],
    }
    (directory / "config.json").write_text(json.dumps(config | sizes["adapter"], indent=1) + "\n")
    return sum(value.numel() for part in parts.values() for value in part.values())


def write_input(path, sizes):
    """Latents and tokens of one image with guidance, the unconditional row first."""
    generator = torch.Generator().manual_seed(11)
    width, side = sizes["unet"]["cross_attention_dim"], sizes["unet"]["sample_size"]

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    tensors = {"latents": normal(1, 4, side, side), "timestep": torch.tensor([500.0])}
    tensors |= {"text": normal(2, 77, width), "image_tokens": normal(2, sizes["adapter"]["num_tokens"], width)}
    save_file(tensors, path)


def write_preset(directory, name, description, files, dtype="f32"):
    """A preset that is f16 on a GPU, and on a CPU of that dtype."""
    lines = [f'name = "{name}"', f'description = "{description}"', "", "[options]"]
    lines += [f'dtype = "{dtype}"', 'gpu_dtype = "f16"', "adapter_scale = 1.0", 'clip_channel_order = "bgr"']
    for component, file in files.items():
        lines += ["", f"[components.{component}]"]
        if component not in WITHOUT_CONFIG:
            lines += [f'config = "{file.parent / "config.json"}"']
        lines += [f'source = {{ path = "{file}" }}', 'licence = "Apache-2.0"']
    (directory / f"{name}.toml").write_text("\n".join(lines) + "\n")


def write_presets(directory, models, only, replaced):
    """`full` has the networks that are made or replaced and else those of the demo, `half` is the demo in f16."""
    demo = {name: models / "demo" / name / file for name, file in DEMO.items()}
    write_preset(directory, "half", "the demo, in f16 on a GPU", demo)
    made = {name: directory / name / file for name, file in FILES.items()}
    made = {name: file for name, file in made.items() if name in only or file.exists()} | replaced
    for name, dtype in (("full", "f32"), ("full-bf16", "bf16")):
        write_preset(directory, name, "random weights at the published sizes", demo | made, dtype)


def main(arguments):
    sizes = layouts.TINY if arguments.tiny else layouts.FULL
    generator = torch.Generator(arguments.device).manual_seed(7)
    directory, dtype = arguments.directory.absolute(), DTYPES[arguments.dtype]

    def draw(name, shape):
        return rules.tensor(name, shape, generator, dtype)

    directory.mkdir(parents=True, exist_ok=True)
    write_input(directory / "input.safetensors", sizes)
    names = arguments.only.split(",")
    replaced = {"face_embedder": arguments.embedder.absolute()} if arguments.embedder else {}
    write_presets(directory, arguments.models.absolute(), names, replaced)
    writers = {
        name: lambda name=name, parts=parts: write_network(directory / name, *parts, draw)
        for name, parts in networks(sizes).items()
    }
    writers["adapter"] = lambda: write_adapter(directory / "adapter", sizes, draw)
    for name in names:
        started = time.monotonic()
        count = writers[name]()
        seconds = round(time.monotonic() - started, 2)
        report({"by": "checkpoints", "checkpoint": name, "values": count, "seconds": seconds}, arguments.results)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--models", type=Path, required=True, help="directory of presets with the demo's")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=DTYPES, default="f16")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--only", default="unet,vae,adapter,text_encoder,image_encoder")
    parser.add_argument("--embedder", type=Path, help="face embedder in place of the demo's, such as that of full_faces.py")
    parser.add_argument("--results", type=Path, help="file to append the results to")
    main(parser.parse_args())
