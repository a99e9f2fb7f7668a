"""SCRFD with landmarks and IResNet with random weights, and their exports to ONNX as insightface's packs have them.

Source: insightface (commit 7fadd42) `detection/scrfd/configs/scrfd/scrfd_10g_bnkps.py` with
`mmdet/models/{backbones/resnet,necks/pafpn,dense_heads/scrfd_head}.py`, which need mmdet to import and are therefore
written again here; `recognition/arcface_torch/backbones/iresnet.py`, which is imported.

The full sizes have the published files' numbers of weights (4,225,937 and 43,590,976); the thin ones have the same
layers and graph with few channels.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch
from backbones.iresnet import IBasicBlock, IResNet, iresnet50
from torch import nn
from torch.nn import functional

STRIDES = (8, 16, 32)
# The names in insightface's det_10g.onnx and w600k_r50.onnx.
SCRFD_OUTPUTS = ("448", "471", "494", "451", "474", "497", "454", "477", "500")
EMBEDDER_OUTPUT = "683"
INPUT = "input.1"


@dataclass
class Widths:
    """Channels of an SCRFD."""

    stem: tuple
    planes: tuple
    neck: int
    head: int


FULL = Widths(stem=(28, 28, 56), planes=(56, 88, 88, 224), neck=56, head=80)
THIN = Widths(stem=(6, 6, 8), planes=(8, 12, 12, 16), neck=12, head=16)
BLOCKS = (3, 4, 2, 3)


def convolution(inputs, outputs, stride=1):
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


class Block(nn.Module):
    """mmdet's BasicBlock; a downsampling one averages before its 1x1 convolution."""

    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = convolution(inputs, planes, stride), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = convolution(planes, planes), nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inputs != planes:
            pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
            self.downsample = nn.Sequential(pool, nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(out)) + identity)


class Backbone(nn.Module):
    """ResNetV1e: a deep stem, four stages of which the last three are used."""

    def __init__(self, widths):
        super().__init__()
        layers, inputs = [], 3
        for index, planes in enumerate(widths.stem):
            layers += [convolution(inputs, planes, 2 if index == 0 else 1), nn.BatchNorm2d(planes), nn.ReLU()]
            inputs = planes
        self.stem, self.pool = nn.Sequential(*layers), nn.MaxPool2d(2, 2)
        self.stages = nn.ModuleList()
        for stage, (blocks, planes) in enumerate(zip(BLOCKS, widths.planes)):
            strides = [1 if stage == 0 else 2] + [1] * (blocks - 1)
            stack = [Block(inputs if i == 0 else planes, planes, stride) for i, stride in enumerate(strides)]
            self.stages.append(nn.Sequential(*stack))
            inputs = planes

    def forward(self, x):
        x, outputs = self.pool(self.stem(x)), []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs[1:]


class Neck(nn.Module):
    """PAFPN: coarse to fine, then fine to coarse; no norms, no activations."""

    upsampling = "nearest"

    def __init__(self, widths):
        super().__init__()
        out = widths.neck
        self.lateral_convs = nn.ModuleList(nn.Conv2d(planes, out, 1) for planes in widths.planes[1:])
        self.fpn_convs = nn.ModuleList(nn.Conv2d(out, out, 3, padding=1) for _ in STRIDES)
        self.downsample_convs = nn.ModuleList(nn.Conv2d(out, out, 3, 2, 1) for _ in STRIDES[1:])
        self.pafpn_convs = nn.ModuleList(nn.Conv2d(out, out, 3, padding=1) for _ in STRIDES[1:])

    def forward(self, features):
        lateral = [conv(feature) for conv, feature in zip(self.lateral_convs, features)]
        for i in (2, 1):
            size = lateral[i - 1].shape[2:]
            lateral[i - 1] = lateral[i - 1] + functional.interpolate(lateral[i], size=size, mode=self.upsampling)
        inner = [conv(feature) for conv, feature in zip(self.fpn_convs, lateral)]
        for i in (0, 1):
            inner[i + 1] = inner[i + 1] + self.downsample_convs[i](inner[i])
        return [inner[0], self.pafpn_convs[0](inner[1]), self.pafpn_convs[1](inner[2])]


class Head(nn.Module):
    """One tower and three predictions for one stride, two anchors a cell."""

    def __init__(self, widths):
        super().__init__()
        layers, inputs = [], widths.neck
        for _ in range(3):
            layers += [convolution(inputs, widths.head), nn.BatchNorm2d(widths.head), nn.ReLU()]
            inputs = widths.head
        self.tower = nn.Sequential(*layers)
        self.cls, self.reg, self.kps = (nn.Conv2d(inputs, 2 * numbers, 3, padding=1) for numbers in (1, 4, 10))
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        x = self.tower(x)
        predictions = (self.cls(x).sigmoid(), self.reg(x) * self.scale, self.kps(x))
        return [p.permute(0, 2, 3, 1).reshape(-1, numbers) for p, numbers in zip(predictions, (1, 4, 10))]


class Scrfd(nn.Module):
    """The nine outputs: scores, boxes and landmarks, each at three strides."""

    def __init__(self, widths):
        super().__init__()
        self.backbone, self.neck = Backbone(widths), Neck(widths)
        self.heads = nn.ModuleList(Head(widths) for _ in STRIDES)

    def forward(self, x):
        levels = [head(feature) for head, feature in zip(self.heads, self.neck(self.backbone(x)))]
        return tuple(level[kind] for kind in range(3) for level in levels)


class ThinIResNet(IResNet):
    """IResNet-50's layers with few channels; everything but the widths is the original's."""

    PLANES = (4, 6, 8, 3)

    def __init__(self):
        nn.Module.__init__(self)
        self.fp16, self.dilation, self.groups, self.base_width = False, 1, 1, 64
        self.inplanes = self.PLANES[0]
        self.conv1 = nn.Conv2d(3, self.inplanes, 3, 1, 1, bias=False)
        self.bn1, self.prelu = nn.BatchNorm2d(self.inplanes), nn.PReLU(self.inplanes)
        for index, (planes, blocks) in enumerate(zip(self.PLANES, (3, 4, 14, 3))):
            setattr(self, f"layer{index + 1}", self._make_layer(IBasicBlock, planes, blocks, stride=2))
        self.bn2, self.dropout = nn.BatchNorm2d(self.inplanes), nn.Dropout(0, inplace=True)
        self.fc = nn.Linear(self.inplanes * self.fc_scale, 512)
        self.features = nn.BatchNorm1d(512)


def randomise(network, pictures, seed):
    """Random weights under which every layer is alive: the statistics of the norms are those of `pictures`, then moved."""
    generator = torch.Generator().manual_seed(seed)

    def noise(like, low, high):
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            spread = (3 / module.weight[0].numel()) ** 0.5
            module.weight.copy_(noise(module.weight, -spread, spread))
            if module.bias is not None:
                module.bias.copy_(noise(module.bias, -0.2, 0.2))
        elif isinstance(module, nn.PReLU):
            module.weight.copy_(noise(module.weight, -0.1, 0.5))
    for norm in norms:
        norm.weight.copy_(noise(norm.weight, 0.7, 1.3))
        norm.bias.copy_(noise(norm.bias, -0.3, 0.3))
        norm.reset_running_stats()
        norm.momentum = None
    network.train()(pictures)
    for norm in norms:
        norm.running_mean += norm.running_var.sqrt() * noise(norm.running_mean, -0.2, 0.2)
        norm.running_var *= noise(norm.running_var, 0.8, 1.25)
    return network.eval()


def scrfd(widths, pictures, seed, share):
    """A detector that sees a face in about `share` of its anchors."""
    network = randomise(Scrfd(widths), pictures, seed)
    # The published file has these two pairs of equal biases, of which its export kept one each.
    for fine, coarse in zip(network.neck.fpn_convs[1:], network.neck.downsample_convs):
        fine.bias.copy_(coarse.bias)
    for head, feature, scale in zip(network.heads, network.neck(network.backbone(pictures)), (0.9, 1.1, 1.2)):
        head.scale.fill_(scale)
        tower = head.tower(feature)
        for conv, mean, deviation in ((head.cls, 0.0, 1.5), (head.reg, 2.5, 0.5), (head.kps, 0.0, 1.0)):
            values = conv(tower)
            conv.weight *= deviation / values.std()
            conv.bias += mean - conv(tower).mean((0, 2, 3))
        logits = head.cls(tower).flatten().sort().values
        last = int(len(logits) * (1 - share))
        head.cls.bias -= (logits[last - 1] + logits[last]) / 2
    return network


def export_scrfd(network, path):
    """As the packs' det_10g.onnx: norms folded, height and width dynamic."""
    example = torch.zeros(1, 3, 640, 640)
    export(network, example, path, list(SCRFD_OUTPUTS), {INPUT: {2: "?", 3: "?"}})
    names = {weight.name for weight in onnx.load(path).graph.initializer}
    kept = [name for name in sorted(names) if name.startswith("neck") and name.endswith("bias")]
    assert len(kept) == 8, kept


def export_iresnet(network, path):
    """As the packs' w600k_r50.onnx: the norms after convolutions folded, a dynamic batch."""
    export(network, torch.zeros(1, 3, 112, 112), path, [EMBEDDER_OUTPUT], {INPUT: {0: "None"}, EMBEDDER_OUTPUT: {0: "None"}})


def export(network, example, path, outputs, dynamic):
    """The exporter does not take numbers for names any more, so they are given afterwards."""
    taken = [f"output_{name}" for name in outputs]
    torch.onnx.export(
        network, (example,), str(path), dynamo=False, opset_version=11, input_names=[INPUT], output_names=taken,
        dynamic_axes={name if name == INPUT else f"output_{name}": axes for name, axes in dynamic.items()},
    )
    model = onnx.load(path)
    names = dict(zip(taken, outputs))
    for output in model.graph.output:
        output.name = names[output.name]
    # Equal weights are kept once; where the exporter of the packs named the one kept, this one puts a copying node.
    weights = {weight.name for weight in model.graph.initializer}
    copies = [node for node in model.graph.node if node.op_type == "Identity" and node.input[0] in weights]
    names.update({node.output[0]: node.input[0] for node in copies})
    for node in copies:
        model.graph.node.remove(node)
    for node in model.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]
    onnx.checker.check_model(model)
    onnx.save(model, path)
    Path(path).chmod(0o644)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(session, values):
    """All outputs for `values` `[1, 3, height, width]`."""
    return [torch.from_numpy(output) for output in session.run(None, {INPUT: values.numpy()})]


def waves(seed, side, count=1):
    """Smooth random pictures in the networks' input range, from half the width down to a few pixels."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.zeros(count, 3, side, side)
    for cells in (2, 4, 8, 16, 32):
        knots = torch.randn(count, 3, cells, cells, generator=generator) / cells**0.5
        pictures += functional.interpolate(knots, size=(side, side), mode="bilinear", align_corners=True)
    return (pictures / 2).clamp(-1, 1)


def full_iresnet(pictures, seed):
    return randomise(iresnet50(), pictures, seed)


def thin_iresnet(pictures, seed):
    return randomise(ThinIResNet(), pictures, seed)


def weights(path):
    """How many numbers a file's floating-point weights have."""
    return sum(numpy.prod(weight.dims, dtype=int) for weight in onnx.load(path).graph.initializer if weight.data_type == 1)
