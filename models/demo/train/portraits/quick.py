"""A quicker residual block for training in bf16 or f32 on a CPU; its results differ from the library's by rounding only."""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D
from torch.utils.cpp_extension import load

_kernels = load(
    "portraits_quick",
    [str(Path(__file__).with_name("quick.cpp"))],
    extra_cflags=["-O3", "-march=native", "-ffast-math", "-fopenmp-simd"],
)


class NormSilu(torch.autograd.Function):
    """SiLU of the group norm of `x` with `added` [n, c] on its channels."""

    @staticmethod
    def forward(context, x, added, weight, bias, groups, eps):
        x = x.contiguous(memory_format=torch.channels_last)
        small = [t.float().contiguous() for t in (added, weight, bias)]
        y, mean, scale = _kernels.forward(x, *small, groups, eps)
        context.save_for_backward(x, *small, mean, scale)
        context.kinds = added.dtype, weight.dtype, bias.dtype
        return y

    @staticmethod
    def backward(context, gradient):
        dx, *small = _kernels.backward(gradient, *context.saved_tensors)
        return dx, *(t.to(kind) for t, kind in zip(small, context.kinds)), None, None


def norm_silu(norm, x, added=None):
    added = x.new_zeros(x.shape[:2]) if added is None else added
    return NormSilu.apply(x, added, norm.weight, norm.bias, norm.num_groups, norm.eps)


def _forward(block, x, temb=None, *_, **__):
    y = block.conv1(norm_silu(block.norm1, x))
    added = None if temb is None else block.time_emb_proj(F.silu(temb))
    y = block.conv2(norm_silu(block.norm2, y, added))
    return y + (x if block.conv_shortcut is None else block.conv_shortcut(x))


def quicken(network):
    for block in network.modules():
        if isinstance(block, ResnetBlock2D):
            block.forward = _forward.__get__(block)
