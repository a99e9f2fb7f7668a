"""Turns YuNet as OpenCV Zoo publishes it in block-quantised int8 into plain f32, which every ONNX runtime reads.

Usage: python dequantize.py face_detection_yunet_2023mar_int8bq.onnx OUT.onnx     (needs numpy, onnx)

Every DequantizeLinear of constants, and a Reshape behind it, becomes an f32 initializer. What is left needs opset 11.
"""

import sys

import numpy
import onnx
from onnx import helper, numpy_helper

OPSET = 11


def constants(graph):
    """The initializers and the values of Constant nodes by name."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                values[node.output[0]] = numpy_helper.to_array(attribute.t)
    return values


def dequantized(node, values):
    """The f32 weights of one DequantizeLinear: per tensor, per channel or per block."""
    quantized, scale = (values[name].astype(numpy.float32) for name in node.input[:2])
    zero_point = numpy.zeros_like(scale)
    if len(node.input) > 2 and node.input[2]:
        zero_point = values[node.input[2]].astype(numpy.float32)
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    axis, block_size = attributes.get("axis", 1), attributes.get("block_size", 0)

    def spread(parameter):
        if parameter.ndim == 0 or (parameter.size == 1 and parameter.ndim != quantized.ndim):
            return parameter
        if block_size and parameter.ndim == quantized.ndim:
            repeated = numpy.repeat(parameter, block_size, axis=axis)
            return repeated[tuple(slice(size) for size in quantized.shape)]
        return parameter.reshape([-1 if at == axis else 1 for at in range(quantized.ndim)])

    return ((quantized - spread(zero_point)) * spread(scale)).astype(numpy.float32)


def fold(graph):
    """Split the nodes into those that stay and the f32 constants that the others amount to."""
    values, folded, staying = constants(graph), {}, []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and all(name in values for name in node.input if name):
            folded[node.output[0]] = dequantized(node, values)
        elif node.op_type == "Reshape" and node.input[0] in folded and node.input[1] in values:
            folded[node.output[0]] = folded[node.input[0]].reshape(values[node.input[1]])
        else:
            staying.append(node)
    return folded, staying


def replace(items, new):
    """Give a repeated field of the graph other contents."""
    new = list(new)
    del items[:]
    items.extend(new)


def main():
    source, target = sys.argv[1:]
    model = onnx.load(source)
    graph = model.graph
    folded, staying = fold(graph)
    used = {name for node in staying for name in node.input}
    replace(graph.node, [node for node in staying if node.op_type != "Constant" or node.output[0] in used])
    tensors = [numpy_helper.from_array(numpy.ascontiguousarray(value), name)
               for name, value in folded.items() if name in used]
    replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in used] + tensors)
    initialized = {tensor.name for tensor in graph.initializer}
    replace(graph.input, [value for value in graph.input if value.name in used and value.name not in initialized])
    del graph.value_info[:]
    for opset in model.opset_import:
        if opset.domain == "":
            opset.version = OPSET
    onnx.checker.check_model(model)
    onnx.save(model, target)


if __name__ == "__main__":
    main()
