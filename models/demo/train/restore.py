"""Makes checkpoints of the committed files, to train on from: the UNet's for `train_unet.py --fine --fresh --start-from`,
and with --parts those of autoencoder, embedder, vision tower and safety checker."""

import argparse

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file

from portraits.embedder import Embedder
from portraits.files import save
from portraits.load import DEMO
from portraits.network import Network
from portraits.text import embeddings_of
from portraits.vision import STATES_WIDTH


def tensors(part, name):
    return {k: v.float() for k, v in load_file(DEMO / part / name).items()}


def below(prefix, state):
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def restored():
    """The tokens that have a row, and the network."""
    text = below("text_model.", tensors("text_encoder", "model.safetensors"))
    rows = text.pop("embeddings.token_embedding.weight")
    known = rows.abs().sum(1).nonzero()[:, 0].tolist()
    network = Network(known, STATES_WIDTH)
    words = embeddings_of(network.text).token_embedding
    words.embedding.weight.data.copy_(rows[known])
    prefix = "text_model." if hasattr(network.text, "text_model") else ""
    missing = network.text.load_state_dict({prefix + k: v for k, v in text.items()}, strict=False).missing_keys
    assert all("token_embedding" in name or "position_ids" in name for name in missing), missing
    adapter = tensors("adapter", "ip-adapter-faceid-plusv2.safetensors")
    torch.nn.ModuleList(network.unet.attn_processors.values()).load_state_dict(below("ip_adapter.", adapter))
    network.projection.load_state_dict(below("image_proj.", adapter))
    missing = network.unet.load_state_dict(tensors("unet", "diffusion_pytorch_model.safetensors"), strict=False)
    assert all(".processor." in name for name in missing.missing_keys) and not missing.unexpected_keys
    return known, network


def restored_embedder():
    """Its batch norms, which the export folded into the convolutions, change nothing."""
    model = onnx.load(DEMO / "face_embedder" / "portrait_embedder.onnx")
    values = {v.name: torch.from_numpy(numpy_helper.to_array(v).copy()) for v in model.graph.initializer}
    embedder = Embedder()
    layers = list(embedder.convolutions)
    for k, (convolution, norm, slope) in enumerate(zip(layers[0::3], layers[1::3], layers[2::3])):
        convolution.weight.data, convolution.bias.data = values[f"weight_{k}"], values[f"bias_{k}"]
        norm.running_var.fill_(1 - norm.eps)
        slope.weight.data = values[f"slope_{k}"].flatten()
    embedder.linear.weight.data, embedder.linear.bias.data = values["weight"], values["bias"]
    return embedder.state_dict()


def restored_safety():
    state = tensors("safety_checker", "model.safetensors")
    concept = state["concept_embeds"][0]
    tower = {k.replace("vision_model.vision_model.", "vision_model."): v for k, v in state.items() if "embeds" not in k}
    return {**{f"tower.{k}": v for k, v in tower.items()}, "concept": concept}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="the checkpoint")
    parser.add_argument("--parts", help="the folder for the others")
    args = parser.parse_args()
    known, network = restored()
    save(dict(known=known, averaged=network.state_dict()), args.out)
    if args.parts:
        save(tensors("vae", "diffusion_pytorch_model.safetensors"), f"{args.parts}/vae.white.pt")
        tower = tensors("image_encoder", "model.safetensors")
        save({f"tower.{k}": v for k, v in tower.items()}, f"{args.parts}/vision.pt")
        save(restored_embedder(), f"{args.parts}/embedder.pt")
        save(restored_safety(), f"{args.parts}/safety.pt")


if __name__ == "__main__":
    main()
