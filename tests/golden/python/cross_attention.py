"""Cross attention over text and image tokens with one fault at a time, around the reference's own layers.

Without a fault it must equal IP-Adapter's processor (unet.py asserts that). It also shows the two branches, text and
image, to a probe, which no module output does.
"""

import torch
from torch.nn.functional import scaled_dot_product_attention


class CrossAttention:
    """Stands in for a `LoRAIPAttnProcessor2_0`; `fault` is None, "ip_after_to_out" or "lora_on_ip"."""

    def __init__(self, reference, fault=None, probe=None):
        self.reference, self.fault, self.probe = reference, fault, probe

    def __call__(self, attn, hidden_states, encoder_hidden_states, **_):
        lora = self.reference
        text = encoder_hidden_states[:, : -lora.num_tokens]
        image = encoder_hidden_states[:, -lora.num_tokens :]
        query = attn.to_q(hidden_states) + lora.to_q_lora(hidden_states)
        text_output = attend(
            attn.heads, query, attn.to_k(text) + lora.to_k_lora(text), attn.to_v(text) + lora.to_v_lora(text)
        )
        image_key, image_value = lora.to_k_ip(image), lora.to_v_ip(image)
        if self.fault == "lora_on_ip":
            image_key, image_value = image_key + lora.to_k_lora(image), image_value + lora.to_v_lora(image)
        image_output = lora.scale * attend(attn.heads, query, image_key, image_value)
        if self.probe is not None:
            self.probe.record("attn2: text", "", text_output)
            self.probe.record("attn2: image", "", image_output)
        if self.fault == "ip_after_to_out":
            return project(attn, lora, text_output) + image_output
        return project(attn, lora, text_output + image_output)


def attend(heads, query, key, value):
    """Multi-head attention of `[batch, tokens, channels]`."""
    split = [tensor.unflatten(-1, (heads, -1)).transpose(1, 2) for tensor in (query, key, value)]
    return scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)


def project(attn, lora, output):
    """The output projection with its LoRA."""
    return attn.to_out[0](output) + lora.to_out_lora(output)


def replace_cross_attentions(unet, **options):
    """Put `CrossAttention` in place of every cross attention's processor."""
    for module in unet.modules():
        processor = getattr(module, "processor", None)
        if isinstance(processor, torch.nn.Module) and hasattr(processor, "to_k_ip"):
            del module.processor
            module.processor = CrossAttention(processor, **options)
