"""Makes `tiny_embedder.onnx`: the interface of a face embedder, without the knowledge of one.

Usage: python make.py [OUT.onnx]     (needs numpy, onnx, onnxruntime)

Averages of 4x4 pixels, three strided convolutions with PReLU and a linear layer, all drawn from one seeded generator.
Random layers alone send every picture in nearly the same direction, so the weights are scaled and the biases shifted,
layer after layer, until smooth random pictures (no photographs) give every feature the mean 0 and the deviation 1.
"""

import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SEED = 20240607
CHANNELS = [3, 16, 32, 8]
LAYERS = len(CHANNELS) - 1
FEATURES = CHANNELS[-1] * 4 * 4
EMBEDDING = 512
SLOPE = 0.25
CALIBRATION_PICTURES = 64


def smooth_pictures(generator):
    """Random pictures in the network's input range, made of waves from half the width down to a few pixels."""
    pictures = numpy.zeros((CALIBRATION_PICTURES, 3, 112, 112))
    for cells in (2, 4, 8, 16, 32):
        knots = generator.standard_normal((CALIBRATION_PICTURES, 3, cells + 1, cells + 1)) / cells**0.5
        position = numpy.linspace(0, cells, 112, endpoint=False)
        low, fraction = position.astype(int), position % 1
        rows = knots[:, :, low] * (1 - fraction)[:, None] + knots[:, :, low + 1] * fraction[:, None]
        pictures += rows[:, :, :, low] * (1 - fraction) + rows[:, :, :, low + 1] * fraction
    return numpy.clip(pictures / 2, -1, 1).astype(numpy.float32)


def nodes(layers):
    """The nodes up to and with the first `layers` convolutions; the linear layer comes after the last."""
    # Every attribute is spelt out: not all runtimes know the defaults.
    strided = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "dilations": [1, 1], "group": 1}
    made = [helper.make_node("AveragePool", ["input"], ["activated_0"], kernel_shape=[4, 4], strides=[4, 4])]
    for layer in range(1, layers + 1):
        inputs = [f"activated_{layer - 1}", f"weight_{layer}", f"bias_{layer}"]
        made += [
            helper.make_node("Conv", inputs, [f"convolved_{layer}"], **strided),
            helper.make_node("PRelu", [f"convolved_{layer}", f"slope_{layer}"], [f"activated_{layer}"]),
        ]
    return made


def model(nodes, weights, batch, output, output_shape):
    """A checked network from the pictures to the value named `output`."""
    graph = helper.make_graph(
        nodes,
        "tiny_embedder",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, 112, 112])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, output_shape)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = [helper.make_opsetid("", 11)]
    made = helper.make_model(graph, producer_name="facegen", ir_version=7, opset_imports=opset)
    onnx.checker.check_model(made)
    return made


def values(name, layers, weights, pictures):
    """What the first `layers` layers make of the pictures, at the value called `name`."""
    partial = model(nodes(layers), weights, "batch", name, ["batch", "channels", "height", "width"])
    return onnxruntime.InferenceSession(partial.SerializeToString()).run(None, {"input": pictures})[0]


def add_convolution(layer, weights, pictures, generator):
    """Draw one convolution and scale it to mean 0 and deviation 1 a channel."""
    channels, next_channels = CHANNELS[layer - 1 : layer + 1]
    weight = generator.standard_normal((next_channels, channels, 3, 3))
    # Filters without a mean see edges, not brightness.
    weight -= weight.mean(axis=(2, 3), keepdims=True)
    weights[f"weight_{layer}"] = weight.astype(numpy.float32)
    weights[f"bias_{layer}"] = numpy.zeros(next_channels, numpy.float32)
    weights[f"slope_{layer}"] = numpy.full((next_channels, 1, 1), SLOPE, numpy.float32)
    convolved = values(f"convolved_{layer}", layer, weights, pictures)
    deviation = convolved.std(axis=(0, 2, 3))
    weights[f"weight_{layer}"] /= deviation[:, None, None, None]
    weights[f"bias_{layer}"] = -convolved.mean(axis=(0, 2, 3)) / deviation


def add_linear_layer(weights, pictures, generator):
    """Draw the linear layer, which also removes mean and deviation of every feature."""
    features = values(f"activated_{LAYERS}", LAYERS, weights, pictures).reshape(len(pictures), FEATURES)
    weight = generator.standard_normal((EMBEDDING, FEATURES)) / FEATURES**0.5 / features.std(axis=0)
    weights["weight"] = weight.astype(numpy.float32)
    weights["bias"] = (-weight @ features.mean(axis=0)).astype(numpy.float32)


def main():
    generator, weights = numpy.random.default_rng(SEED), {}
    pictures = smooth_pictures(generator)
    for layer in range(1, LAYERS + 1):
        add_convolution(layer, weights, pictures, generator)
    add_linear_layer(weights, pictures, generator)
    linear = [
        helper.make_node("Flatten", [f"activated_{LAYERS}"], ["features"], axis=1),
        helper.make_node("Gemm", ["features", "weight", "bias"], ["output"], transB=1),
    ]
    out = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("tiny_embedder.onnx")
    onnx.save(model(nodes(LAYERS) + linear, weights, 1, "output", [1, EMBEDDING]), out)


if __name__ == "__main__":
    main()
