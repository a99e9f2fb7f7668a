"""Writes the trained parts in the published layouts, as f16, and their checksums into the preset."""

import argparse
import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from features import face_embedder
from portraits.network import Network
from portraits.safety import concept_tensors
from portraits.text import embeddings_of
from portraits.vae import make_vae
from portraits.vision import STATES_WIDTH, make_image_encoder

DEMO = Path(__file__).parents[1]


def write(part, name, tensors):
    path = DEMO / part / name
    path.parent.mkdir(exist_ok=True)
    save_file({k: v.detach().half().contiguous() for k, v in tensors.items()}, path)
    path.chmod(0o644)


def state_of(path):
    return torch.load(path, weights_only=False)


def network_of(checkpoint):
    """The trained network with its averaged weights."""
    state = state_of(checkpoint)
    fine = "unet.up_blocks.4.resnets.0.conv1.weight" in state["averaged"]
    network = Network(state["known"], STATES_WIDTH, fine)
    network.load_state_dict(state["averaged"])
    return network.eval()


def export_text_encoder(network):
    embeddings = embeddings_of(network.text)
    tensors = {
        k.removeprefix("text_model."): v
        for k, v in network.text.state_dict().items()
        if "token_embedding" not in k and "position_ids" not in k
    }
    tensors["embeddings.token_embedding.weight"] = embeddings.token_embedding.table()
    write("text_encoder", "model.safetensors", {f"text_model.{k}": v for k, v in tensors.items()})


def adapter_tensors(network):
    """`image_proj.*`, and `ip_adapter.N.*` for the Nth attention."""
    tensors = {f"image_proj.{k}": v for k, v in network.projection.state_dict().items()}
    for number, processor in enumerate(network.unet.attn_processors.values()):
        tensors.update({f"ip_adapter.{number}.{k}": v for k, v in processor.state_dict().items()})
    return tensors


def export_unet(network):
    tensors = {k: v for k, v in network.unet.state_dict().items() if ".processor." not in k}
    write("unet", "diffusion_pytorch_model.safetensors", tensors)
    write("adapter", "ip-adapter-faceid-plusv2.safetensors", adapter_tensors(network))


def export_vae(whitened, decoder):
    """The encoder of the whitened autoencoder, and the decoder trained on from there."""
    vae = make_vae()
    tensors = state_of(whitened)
    if decoder:
        later = state_of(decoder)
        tensors.update({k: v for k, v in later.items() if k.startswith(("decoder.", "post_quant_conv."))})
    vae.load_state_dict(tensors)
    write("vae", "diffusion_pytorch_model.safetensors", vae.state_dict())


def tower_of(state):
    """The tensors of a vision tower with its projection."""
    tower = make_image_encoder()
    tower.load_state_dict({k.removeprefix("tower."): v for k, v in state.items() if k.startswith("tower.")})
    return {k: v for k, v in tower.state_dict().items() if "position_ids" not in k}


def export_vision(vision, safety):
    write("image_encoder", "model.safetensors", tower_of(state_of(vision)))
    state = state_of(safety)
    tensors = {(f"vision_model.{k}" if k.startswith("vision_model.") else k): v for k, v in tower_of(state).items()}
    write("safety_checker", "model.safetensors", {**tensors, **concept_tensors(state["concept"].float())})


def folded(convolution, norm):
    """A convolution with the batch norm behind it."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    weight = convolution.weight * scale[:, None, None, None]
    bias = (convolution.bias - norm.running_mean) * scale + norm.bias
    return weight.detach().numpy(), bias.detach().numpy()


def export_embedder(checkpoint):
    embedder, nodes, values = face_embedder(checkpoint), [], {}
    layers, at = list(embedder.convolutions), "input"
    # Every attribute is spelt out: not all runtimes know the defaults.
    strided = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "dilations": [1, 1], "group": 1}
    for k, (convolution, norm, slope) in enumerate(zip(layers[0::3], layers[1::3], layers[2::3])):
        values[f"weight_{k}"], values[f"bias_{k}"] = folded(convolution, norm)
        values[f"slope_{k}"] = slope.weight.detach().numpy()[:, None, None]
        nodes.append(helper.make_node("Conv", [at, f"weight_{k}", f"bias_{k}"], [f"convolved_{k}"], **strided))
        nodes.append(helper.make_node("PRelu", [f"convolved_{k}", f"slope_{k}"], [f"activated_{k}"]))
        at = f"activated_{k}"
    values["weight"] = embedder.linear.weight.detach().numpy()
    values["bias"] = embedder.linear.bias.detach().numpy()
    nodes.append(helper.make_node("Flatten", [at], ["features"], axis=1))
    nodes.append(helper.make_node("Gemm", ["features", "weight", "bias"], ["output"], transB=1))
    graph = helper.make_graph(
        nodes,
        "portrait_embedder",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 512])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in values.items()],
    )
    model = helper.make_model(graph, producer_name="facegen", ir_version=7, opset_imports=[helper.make_opsetid("", 11)])
    onnx.checker.check_model(model)
    onnx.save(model, DEMO / "face_embedder" / "portrait_embedder.onnx")


def record_checksums():
    """Puts the sha256 of every file that the preset names behind its source."""
    preset = DEMO.parent / "demo.toml"
    text = preset.read_text()

    def line(match):
        digest = hashlib.sha256((DEMO.parent / match[1]).read_bytes()).hexdigest()
        return f'source = {{ path = "{match[1]}" }}\nsha256 = "{digest}"'

    text = re.sub(r'source = \{ path = "([^"]+)" \}\nsha256 = "[0-9a-f]*"', line, text)
    preset.write_text(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--unet", required=True)
    parser.add_argument("--vae", required=True)
    parser.add_argument("--decoder")
    parser.add_argument("--vision", required=True)
    parser.add_argument("--safety", required=True)
    parser.add_argument("--embedder", required=True)
    args = parser.parse_args()
    network = network_of(args.unet)
    export_text_encoder(network)
    export_unet(network)
    export_vae(args.vae, args.decoder)
    export_vision(args.vision, args.safety)
    export_embedder(args.embedder)
    record_checksums()


if __name__ == "__main__":
    main()
