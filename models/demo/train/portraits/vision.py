"""The image encoder: a small CLIP vision tower over the aligned face."""

import torch
import torch.nn.functional as F
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

STATES_WIDTH, PATCH, SIZE, PROJECTED = 96, 28, 224, 64
TOKENS = (SIZE // PATCH) ** 2 + 1
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)


def make_image_encoder():
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_act="gelu",
            hidden_size=STATES_WIDTH,
            image_size=SIZE,
            intermediate_size=2 * STATES_WIDTH,
            num_attention_heads=4,
            num_hidden_layers=4,
            patch_size=PATCH,
            projection_dim=PROJECTED,
        )
    )


def pixel_values(pictures):
    """Red first, 0..1, any size, as CLIP's preprocessing hands them over."""
    if pictures.shape[-1] != SIZE:
        pictures = F.interpolate(pictures, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    return (pictures - MEAN.to(pictures.device)) / DEVIATION.to(pictures.device)


def face_values(crops):
    """The aligned face with blue first: the reference feeds its crop as OpenCV read it."""
    return pixel_values(crops.flip(1))


def penultimate(model, values):
    return model(pixel_values=values, output_hidden_states=True).hidden_states[-2]
