"""The text encoder."""

import torch
from transformers import CLIPTextConfig, CLIPTextModel

from .words import BOS, EOS, LENGTH, ROWS

WIDTH = 128


def text_config():
    config = CLIPTextConfig(
        vocab_size=ROWS,
        hidden_size=WIDTH,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        hidden_act="quick_gelu",
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    config._attn_implementation = "eager"  # faster than the fused one for 77 tokens
    return config


class KnownWords(torch.nn.Module):
    """The rows of the token embedding that captions use. Every other word is a row of zeros: a word
    that the network learns to ignore, because training puts such words into its captions."""

    def __init__(self, known):
        super().__init__()
        self.known = sorted(known)
        self.embedding = torch.nn.Embedding(len(self.known), WIDTH)
        torch.nn.init.normal_(self.embedding.weight, std=0.25)
        index = torch.full((ROWS,), -1)
        index[self.known] = torch.arange(len(self.known))
        self.register_buffer("index", index, persistent=False)

    def forward(self, ids):
        at = self.index[ids]
        return self.embedding(at.clamp(min=0)) * (at >= 0).unsqueeze(-1)

    @property
    def weight(self):
        return self.embedding.weight

    def table(self):
        """The whole embedding, as the published layout holds it."""
        rows = torch.zeros(ROWS, WIDTH)
        rows[self.known] = self.embedding.weight.detach().float()
        return rows


def embeddings_of(model):
    return getattr(model, "text_model", model).embeddings


def make_text_encoder(known):
    model = CLIPTextModel(text_config())
    embeddings_of(model).token_embedding = KnownWords(known)
    return model


def with_rows(state, before, known):
    """A state of the network whose words were `before`, for the words `known`: the new ones begin at random."""
    name = next(n for n in state if n.endswith("token_embedding.embedding.weight"))
    rows = torch.nn.init.normal_(torch.empty(len(known), WIDTH), std=0.25)
    at = {word: k for k, word in enumerate(sorted(before))}
    for k, word in enumerate(sorted(known)):
        if word in at:
            rows[k] = state[name][at[word]]
    return {**state, name: rows}
