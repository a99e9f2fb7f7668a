"""Imports IP-Adapter's published classes (commit 62e4af9, on PYTHONPATH) under the current diffusers.

Its package imports a name that diffusers has since moved; nothing here uses it, so a stand-in is enough.
"""

import diffusers.pipelines.controlnet

if not hasattr(diffusers.pipelines.controlnet, "MultiControlNetModel"):
    diffusers.pipelines.controlnet.MultiControlNetModel = type("MultiControlNetModel", (), {})

from ip_adapter.ip_adapter import IPAdapterPlus  # noqa: E402
from ip_adapter.ip_adapter_faceid import IPAdapterFaceIDPlus, ProjPlusModel  # noqa: E402
from ip_adapter.resampler import PerceiverAttention, Resampler  # noqa: E402

__all__ = ["IPAdapterFaceIDPlus", "IPAdapterPlus", "PerceiverAttention", "ProjPlusModel", "Resampler"]
