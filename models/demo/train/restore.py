"""Makes a checkpoint of the committed files, to train on from: `train_unet.py --fine --fresh --start-from OUT`."""

import argparse

import torch
from safetensors.torch import load_file

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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="the checkpoint")
    known, network = restored()
    save(dict(known=known, averaged=network.state_dict()), parser.parse_args().out)


if __name__ == "__main__":
    main()
