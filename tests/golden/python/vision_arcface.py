"""IResNet-50 with few channels: the raw embedding of an aligned face.

Source: insightface `python-package/insightface/model_zoo/arcface_onnx.py` (`ArcFaceONNX.get_feat`; commit 7fadd42) on a
random network in onnxruntime (`faces_networks.py`).
"""

import copy

import numpy
import torch
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from torch import nn

from common import DATA, Golden, set_up
from faces_networks import export_iresnet, session, thin_iresnet, waves
from vision_alignment import ASTRONAUT, norm_crop
from vision_photographs import photograph

# Relative to the standard deviation of the embedding.
TOLERANCE = 1e-4


def crop(shift=0.0):
    landmarks = numpy.array(ASTRONAUT, dtype=numpy.float32) + numpy.float32(shift)
    return norm_crop(photograph("astronaut.png"), landmarks, 112)


def embedding(path, picture, swap=True, **attributes):
    """The raw vector of an aligned RGB crop."""
    embedder = ArcFaceONNX(str(path), session(path))
    for name, value in attributes.items():
        setattr(embedder, name, value)
    picture = numpy.ascontiguousarray(picture.numpy()[:, :, ::-1] if swap else picture.numpy())
    return torch.from_numpy(embedder.get_feat(picture)[0])


def values(picture):
    return ((picture.float() - 127.5) / 127.5).permute(2, 0, 1)[None]


class Rearranged(nn.Module):
    """Channels last before the linear layer."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        channels = self.inner.in_features // 49
        return self.inner(x.reshape(-1, channels, 49).transpose(1, 2).flatten(1))


def faulty_networks(network):
    rectified, rearranged, activated = (copy.deepcopy(network) for _ in range(3))
    for module in rectified.modules():
        if isinstance(module, nn.PReLU):
            module.weight.fill_(0.25)
    rearranged.fc = Rearranged(rearranged.fc)
    for layer in (activated.layer1, activated.layer2, activated.layer3, activated.layer4):
        layer.append(nn.ReLU())
    return {"one_slope": rectified, "channels_last": rearranged, "activated_sums": activated}


def main():
    set_up()
    golden = Golden("vision_arcface")
    path = DATA / "iresnet.onnx"
    network = thin_iresnet(waves(2, 112, 32), seed=8)
    export_iresnet(network, path)
    exact = copy.deepcopy(network).double()(values(crop()).double())[0]
    golden.input("landmarks", torch.tensor(ASTRONAUT))
    golden.expect("embedding", embedding(path, crop()), relative=TOLERANCE, exact=exact)
    golden.mutate("rgb_bgr", "embedding", embedding(path, crop(), swap=False))
    golden.mutate("divided_by_128", "embedding", embedding(path, crop(), input_std=128.0))
    golden.mutate("one_pixel_off", "embedding", embedding(path, crop(1)))
    for mutation, fault in faulty_networks(network).items():
        golden.mutate(mutation, "embedding", fault(values(crop()))[0])
    golden.save()


if __name__ == "__main__":
    main()
