"""An IP-Adapter-FaceID-PlusV2 in diffusers' UNet: its LoRA in the weights, its image branch in the cross-attentions."""

import torch
from torch.nn.functional import scaled_dot_product_attention

import layouts


class FaceAttention(torch.nn.Module):
    """A cross-attention that reads text and image tokens separately and adds both."""

    def __init__(self, to_k_ip, to_v_ip, image_tokens):
        super().__init__()
        self.to_k_ip = torch.nn.Parameter(to_k_ip, requires_grad=False)
        self.to_v_ip = torch.nn.Parameter(to_v_ip, requires_grad=False)
        self.image_tokens = image_tokens

    def __call__(self, attn, hidden_states, encoder_hidden_states, attention_mask=None, temb=None):
        rows, _, channels = hidden_states.shape

        def heads(tensor):
            return tensor.view(rows, -1, attn.heads, channels // attn.heads).transpose(1, 2)

        count = encoder_hidden_states.shape[1] - self.image_tokens
        text, image = encoder_hidden_states.split([count, self.image_tokens], dim=1)
        query = heads(attn.to_q(hidden_states))
        result = scaled_dot_product_attention(query, heads(attn.to_k(text)), heads(attn.to_v(text)))
        key, value = image @ self.to_k_ip.T, image @ self.to_v_ip.T
        result = result + scaled_dot_product_attention(query, heads(key), heads(value))
        return attn.to_out[0](result.transpose(1, 2).reshape(rows, -1, channels))


@torch.no_grad()
def install(unet, path):
    """Put an adapter's file into a UNet, which then takes text and image tokens in one sequence."""
    adapter = torch.load(path, map_location="cpu", weights_only=True)
    config = dict(unet.config)
    image_tokens = adapter["image_proj"]["proj.2.weight"].shape[0] // config["cross_attention_dim"]
    processors = unet.attn_processors
    for number, (name, _) in enumerate(layouts.attention_names(config)):
        prefix = f"{number}."
        tensors = {key.removeprefix(prefix): value for key, value in adapter["ip_adapter"].items() if key.startswith(prefix)}
        attention = unet.get_submodule(name)
        fuse(attention, tensors)
        if name.endswith("attn2"):
            weight = attention.to_q.weight
            to_k_ip, to_v_ip = (tensors[f"to_{part}_ip.weight"].to(weight) for part in ("k", "v"))
            processors[f"{name}.processor"] = FaceAttention(to_k_ip, to_v_ip, image_tokens)
    unet.set_attn_processor(processors)
    return unet


def fuse(attention, tensors):
    """Add an attention's LoRA to its weights."""
    linears = {"q": attention.to_q, "k": attention.to_k, "v": attention.to_v, "out": attention.to_out[0]}
    for part, linear in linears.items():
        down, up = (tensors[f"to_{part}_lora.{end}.weight"].float().to(linear.weight.device) for end in ("down", "up"))
        linear.weight.copy_(linear.weight.float() + up @ down)
