"""Loads the exported files with the libraries whose layouts they have, as users of those do."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPVisionModelWithProjection

from .projection import Projection
from .unet import install_adapter
from .vision import STATES_WIDTH

DEMO = Path(__file__).parents[2]


def scheduler():
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


class Pipeline:
    """The parts of a generation, as the demo preset names them."""

    def __init__(self):
        single = torch.float32
        self.text = CLIPTextModel.from_pretrained(DEMO / "text_encoder", dtype=single).eval()
        self.vision = CLIPVisionModelWithProjection.from_pretrained(DEMO / "image_encoder", dtype=single).eval()
        self.unet = UNet2DConditionModel.from_pretrained(DEMO / "unet", torch_dtype=single).eval()
        self.vae = AutoencoderKL.from_pretrained(DEMO / "vae", torch_dtype=single).eval()
        adapter = load_file(DEMO / "adapter/ip-adapter-faceid-plusv2.safetensors")
        part = lambda name: {k.removeprefix(name): v.float() for k, v in adapter.items() if k.startswith(name)}
        install_adapter(self.unet).load_state_dict(part("ip_adapter."))
        self.projection = Projection(STATES_WIDTH)
        self.projection.load_state_dict(part("image_proj."))
        self.projection.eval()
