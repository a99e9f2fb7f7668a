"""Tiny checkpoints in every format and layout in which the real ones are published, written by the libraries.

Every tensor is a pure function of its plain name, the one that diffusers, transformers or IP-Adapter give it:
`uniform(crc32(name)) - 0.5` in f32, rounded where the file holds less. So the plain checkpoint need not be stored, and
a reader is right where each name has its own values. Names of the original Stable Diffusion are made by the inverse of
what diffusers' `loaders/single_file_utils.py` does; that code then has to give the plain names and values back.
"""

import json
import shutil
import zlib
from collections import OrderedDict

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from huggingface_hub import save_torch_state_dict
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
)

import models
from common import DATA, set_up
from original_names import original_unet_name, original_vae
from reference import IPAdapterPlus, ProjPlusModel, Resampler

FOLDER = DATA / "formats"
WIDTH, LORA_RANK = 64, 2
TEXT = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION |= {"image_size": 28, "patch_size": 14, "projection_dim": 8, "hidden_act": "gelu"}


def value(name, shape):
    """The tensor of a plain name."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return torch.rand(shape, generator=generator) - 0.5


def fill(module, prefix=""):
    """Give every tensor of a module the value of its name; `prefix` is what published names begin with."""
    values = {name: value(prefix + name, tensor.shape) for name, tensor in module.state_dict().items()}
    module.load_state_dict(values, strict=True)
    return module.eval()


def state_dict(module, dtype=torch.float32, prefix=""):
    """Names and values, of another precision."""
    return {prefix + name: tensor.to(dtype).contiguous() for name, tensor in module.state_dict().items()}


def build_vae():
    return fill(
        AutoencoderKL(
            block_out_channels=(4, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=2, sample_size=16,
            down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        )
    )  # fmt: skip


def build_unet():
    return fill(
        UNet2DConditionModel(
            sample_size=8, block_out_channels=(4, 8, 8, 8), layers_per_block=2, cross_attention_dim=WIDTH,
            attention_head_dim=2, norm_num_groups=2,
        )
    )  # fmt: skip


# Layouts of diffusers and transformers.


def write_vae_layouts(vae):
    """One model as diffusers saves it: whole, in half precision, in shards, and each as safetensors or pickle."""
    vae.save_pretrained(FOLDER / "vae")
    vae.save_pretrained(FOLDER / "vae_bin", safe_serialization=False)
    half = build_vae().half()
    half.save_pretrained(FOLDER / "vae_fp16", variant="fp16")
    build_vae().bfloat16().save_pretrained(FOLDER / "vae_sharded", max_shard_size="20KB")
    half.save_pretrained(FOLDER / "vae_bin_sharded", safe_serialization=False, max_shard_size="20KB")


def write_vae_of_old_names(vae):
    """The attention as diffusers called it before 0.14; diffusers has to read it back as the plain one."""
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = {}
    for name, tensor in state_dict(vae).items():
        for new_part, old_part in old.items():
            name = name.replace(f"attentions.0.{new_part}.", f"attentions.0.{old_part}.")
        renamed[name] = tensor.half()
    folder = FOLDER / "vae_old"
    folder.mkdir()
    shutil.copy(FOLDER / "vae" / "config.json", folder)
    save_file(renamed, folder / "diffusion_pytorch_model.safetensors", {"format": "pt"})
    expect_same(state_dict(AutoencoderKL.from_pretrained(folder)), state_dict(build_vae().half()))


def position_ids(count):
    """The buffer that transformers saved before 4.31."""
    return torch.arange(count).expand(1, -1)


def write_text_encoder():
    """As transformers 5 saves it and, with a prefix and the buffer, as files were before."""
    model = fill(CLIPTextModel(CLIPTextConfig(**TEXT)), "text_model.")
    model.save_pretrained(FOLDER / "text_encoder")
    values = state_dict(model, torch.float16, prefix="text_model.")
    values["text_model.embeddings.position_ids"] = position_ids(77).contiguous()
    folder = FOLDER / "text_encoder_bin"
    folder.mkdir()
    torch.save(values, folder / "pytorch_model.bin")
    return model


def write_image_encoders():
    """A whole CLIP as laion publishes it, and its vision half with and without projection."""
    whole = CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=VISION["projection_dim"]))
    names = set(whole.state_dict())
    assert {"logit_scale", "text_projection.weight", "visual_projection.weight"} <= names
    fill(whole).bfloat16().save_pretrained(FOLDER / "clip")
    whole = whole.float()
    values = state_dict(fill(whole), torch.float16)
    values["text_model.embeddings.position_ids"] = position_ids(77)
    values["vision_model.embeddings.position_ids"] = position_ids(5)
    torch.save(values, FOLDER / "clip.bin")

    projected = fill(CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION)))
    assert set(projected.state_dict()) < names
    projected.half().save_pretrained(FOLDER / "image_encoder")
    plain = CLIPVisionModel(CLIPVisionConfig(**VISION))
    # transformers 5 dropped the prefix of this class, too.
    fill(plain, "vision_model.").half().save_pretrained(FOLDER / "image_encoder_bare")
    values = state_dict(plain, torch.float16, "vision_model.")
    save_file(values, FOLDER / "image_encoder_plain.safetensors", {"format": "pt"})


# Original single files.


def expect_same(values, expected):
    """The same names with the same values."""
    assert values.keys() == expected.keys(), values.keys() ^ expected.keys()
    assert all(torch.equal(values[name], expected[name]) for name in expected)


def prefixed(prefix, values):
    return {prefix + name: tensor.contiguous() for name, tensor in values.items()}


def other_parts(dtype):
    """What such files hold besides the models."""
    numbers = {name: torch.linspace(0, 1, 3, dtype=dtype) for name in ("betas", "alphas_cumprod")}
    ema = {"model_ema.decay": torch.tensor(0.9, dtype=dtype), "model_ema.num_updates": torch.tensor(7)}
    ema["model_ema.diffusion_modelinput_blocks00weight"] = torch.zeros(4, 4, 3, 3, dtype=dtype)
    return numbers | ema | {"cond_stage_model.logit_scale": torch.tensor(4.0, dtype=dtype)}


def write_originals(unet, vae, text):
    """All models in one file, in half precision, and the ways in which files of some of them are found."""
    text_names = "cond_stage_model.transformer.text_model."

    def text_values(dtype):
        values = prefixed(text_names, state_dict(text, dtype))
        return values | {text_names + "embeddings.position_ids": position_ids(77).contiguous()}

    def unet_values(dtype):
        return {original_unet_name(name): tensor for name, tensor in state_dict(unet, dtype).items()}

    # diffusers' own translation has to give the plain names and values back.
    unet_original = prefixed("model.diffusion_model.", unet_values(torch.float32))
    expect_same(convert_ldm_unet_checkpoint(dict(unet_original), dict(unet.config)), state_dict(unet))
    vae_original = prefixed("first_stage_model.", original_vae(state_dict(vae)))
    expect_same(convert_ldm_vae_checkpoint(dict(vae_original), dict(vae.config)), state_dict(vae))
    expected = prefixed("text_model.", state_dict(text))
    converted = convert_ldm_clip_checkpoint(text_values(torch.float32))
    converted.pop("text_model.embeddings.position_ids")
    expect_same(converted, expected)

    half = torch.float16
    values = prefixed("model.diffusion_model.", unet_values(half)) | text_values(half) | other_parts(half)
    values |= prefixed("first_stage_model.", original_vae(state_dict(vae, half)))
    save_file(values, FOLDER / "original.safetensors", {"format": "pt"})

    values = prefixed("first_stage_model.", original_vae(state_dict(vae))) | text_values(half)
    training = {"epoch": 3, "global_step": 470000, "pytorch-lightning_version": "1.4.2", "lr_schedulers": []}
    training["callbacks"] = {"ModelCheckpoint": {"best_model_score": None, "current_score": torch.tensor(0.5)}}
    training["optimizer_states"] = [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}]
    torch.save({**training, "state_dict": values | other_parts(torch.float32)}, FOLDER / "original.ckpt")

    values = original_vae(state_dict(vae, torch.bfloat16)) | {"loss.logvar": torch.zeros(())}
    torch.save({"state_dict": values}, FOLDER / "vae_original.pt")


# Adapters.


def nested(values):
    """The two dictionaries of an adapter's `.bin`."""
    parts = {"image_proj": OrderedDict(), "ip_adapter": OrderedDict()}
    for name, tensor in values.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor
    for part in parts.values():
        # As a module's own state_dict() has it, which is pickled with the dictionary.
        part._metadata = OrderedDict({"": {"version": 1}})
    return parts


def write_face_id(unet):
    """FaceID-PlusV2 as `.bin` and safetensors, and its LoRA in kohya's names. The resampler has no layers."""
    models.LORA_RANK = LORA_RANK
    names = [name.removesuffix(".processor") for name in models.attention_names()]
    processors = fill(models.install_processors(unet), "ip_adapter.")
    projection = ProjPlusModel(cross_attention_dim=WIDTH, id_embeddings_dim=8, clip_embeddings_dim=16, num_tokens=4)
    projection.perceiver_resampler.layers = torch.nn.ModuleList()
    fill(projection, "image_proj.")
    half = torch.float16
    values = state_dict(projection, half, "image_proj.") | state_dict(processors, half, "ip_adapter.")
    torch.save(nested(values), FOLDER / "faceid.bin")
    save_file(values, FOLDER / "faceid.safetensors")

    lora = {}
    for name, tensor in values.items():
        if "_lora." in name:
            number, projection, direction = name.split(".")[1:4]
            layer = projection.removesuffix("_lora").replace("to_out", "to_out_0")
            module = f"{names[int(number)]}.{layer}".replace(".", "_")
            lora[f"lora_unet_{module}.lora_{direction}.weight"] = tensor
    assert len(lora) == 32 * 4 * 2
    save_file(lora, FOLDER / "faceid_lora.safetensors")


def write_plus_face(unet):
    """plus-face as `.bin` and safetensors: image keys and values only, at odd numbers; without layers, too."""
    adapter = IPAdapterPlus.__new__(IPAdapterPlus)
    adapter.pipe, adapter.device, adapter.num_tokens = type("Pipe", (), {"unet": unet})(), "cpu", 16
    adapter.set_ip_adapter()
    processors = torch.nn.ModuleList(unet.attn_processors.values()).float()
    assert {int(name.split(".")[0]) for name in processors.state_dict()} == set(range(1, 32, 2))
    resampler = Resampler(dim=WIDTH, depth=0, dim_head=64, heads=1, num_queries=16, embedding_dim=16, output_dim=WIDTH)
    fill(processors, "ip_adapter.")
    fill(resampler, "image_proj.")
    half = torch.float16
    values = state_dict(resampler, half, "image_proj.") | state_dict(processors, half, "ip_adapter.")
    torch.save(nested(values), FOLDER / "plus_face.bin")
    save_file(values, FOLDER / "plus_face.safetensors")


# Pickles.


def write_views():
    """Tensors as torch allows them, and the same as safetensors, where nothing is shared."""
    base = value("base", (6, 8))
    readable = {
        "base": base,
        "row": base[2],
        "column": base[:, 3],
        "transposed": base.t(),
        "block": base[1:5:2, 2:6],
        "permuted": value("permuted", (2, 3, 4)).permute(2, 0, 1),
        "scalar": value("scalar", ()),
        "half": value("half", (3, 5)).half().t(),
        "bfloat16": value("bfloat16", (3, 5)).bfloat16(),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(value("parameter", (2, 2))),
    }
    others = {
        "double": torch.ones(2, dtype=torch.float64),
        "long": torch.ones(2, dtype=torch.int64),
        "bool": torch.ones(2, dtype=torch.bool),
        "expanded": torch.ones(1).expand(5),
        "sparse": torch.eye(3).to_sparse(),
    }
    torch.save({**readable, **others, "a_number": 3, "a_list": [torch.ones(2), "text"]}, FOLDER / "views.pt")
    stored = {name: tensor.detach().contiguous().clone() for name, tensor in readable.items()}
    save_file(stored, FOLDER / "views.safetensors")


def write_faulty():
    """A linear layer, sound and with one fault each, and one in two shards whose index is wrong."""
    sound = {"weight": value("weight", (2, 3)), "bias": value("bias", (2,))}
    torch.save(sound, FOLDER / "linear.bin")
    torch.save({"weight": sound["weight"]}, FOLDER / "linear_missing.bin")
    torch.save(sound | {"surplus": torch.zeros(1)}, FOLDER / "linear_extra.bin")
    torch.save(sound | {"bias": value("bias", (3,))}, FOLDER / "linear_shape.bin")
    folder = FOLDER / "linear_sharded"
    folder.mkdir()
    save_torch_state_dict(sound, folder, max_shard_size=8, safe_serialization=False)
    assert len(json.loads((folder / "pytorch_model.bin.index.json").read_text())["weight_map"]) == 2


def main():
    set_up()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    torch.manual_seed(0)
    vae, unet = build_vae(), build_unet()
    write_vae_layouts(vae)
    write_vae_of_old_names(vae)
    text = write_text_encoder()
    write_image_encoders()
    write_originals(unet, vae, text)
    (FOLDER / "unet.config.json").write_text(unet.to_json_string())
    write_face_id(unet)
    write_plus_face(build_unet())
    write_views()
    write_faulty()
    assert load_file(FOLDER / "vae" / "diffusion_pytorch_model.safetensors").keys() == vae.state_dict().keys()
    print(f"  formats: {sum(path.stat().st_size for path in FOLDER.rglob('*') if path.is_file())} bytes")


if __name__ == "__main__":
    main()
