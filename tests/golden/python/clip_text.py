"""CLIP text encoder of SD 1.x: last hidden state after the final layer norm, quick GELU, causal mask.

Source: transformers `CLIPTextModel`; the checkpoint keys carry the prefix `text_model.` of the published files, which
transformers 5 no longer writes. Token ids: OpenAI CLIP's vocabulary, padded and truncated to 77 with 49407.
"""

import copy
import json

import torch
from tokenizers import Tokenizer
from transformers import CLIPTextConfig, CLIPTextModel

import weights
from common import REPOSITORY, Golden, set_up, write_json
from probe import Probe
from weights import around, gain

PREFIX = "text_model."
START, END, POSITIONS = 49406, 49407, 77
TOKENIZER = REPOSITORY / "models/demo/tokenizer/tokenizer.json"
PROMPTS = [
    "a photo of a woman, studio lighting, 35mm, best quality",
    "Café at NIGHT: naïve   Zoë's crème brûlée 🎉👩‍🚀 çà et là — 東京 2024!",
    "an extremely detailed portrait of a person " + "with freckles, a red scarf and green eyes, " * 9 + "smiling",
    "",
]
RULES = [
    (r"norm.*weight$", around(1.0, 0.2)),
    (r"\.bias$", around(0.0, 0.15)),
    (r"embedding\.weight$", around(0.0, 1.2)),
    (r"(q|k)_proj\.weight$", gain(1.3)),
    (r"v_proj\.weight$", gain(1.2)),
    (r"out_proj\.weight$", gain(1.2)),
    (r"fc1\.weight$", gain(1.6)),
    (r"fc2\.weight$", gain(0.8)),
]
BRANCHES = ["self_attn$", r"mlp$", r"fc1$", r"layers\.\d+$", "final_layer_norm$"]


def token_ids(prompt, pad=END):
    """77 ids: start, text, end, then padding; what does not fit is cut off before the end token."""
    ids = Tokenizer.from_file(str(TOKENIZER)).encode(prompt).ids
    ids = ids if len(ids) <= POSITIONS else ids[: POSITIONS - 1] + [END]
    return ids + [pad] * (POSITIONS - len(ids))


def build():
    """The tiny model with its synthetic weights; writes config and weight specification."""
    config = CLIPTextConfig(
        hidden_size=128, num_hidden_layers=3, num_attention_heads=4, intermediate_size=256, hidden_act="quick_gelu"
    )
    model = CLIPTextModel(config)
    specification = weights.specify(weights.shapes(model, PREFIX), RULES)
    weights.write("clip_text.weights", specification)
    write_json("clip_text.config.json", json.loads(model.config.to_json_string()))
    return weights.load(model, specification, PREFIX)


def unmasked(model, ids):
    """Every token attends to every other."""
    hidden_states = model.embeddings(input_ids=ids)
    hidden_states = model.encoder(inputs_embeds=hidden_states, attention_mask=None, is_causal=False)
    return model.final_layer_norm(hidden_states.last_hidden_state)


def gelu_instead_of_quick(model, ids):
    """The erf GELU of CLIP-H in place of the quick one."""
    model = copy.deepcopy(model)
    for layer in model.encoder.layers:
        layer.mlp.activation_fn = torch.nn.GELU()
    return model(ids).last_hidden_state


def main():
    set_up()
    model = build()
    ids = torch.tensor([token_ids(prompt) for prompt in PROMPTS])
    assert ids[2, -1] == END and ids[2, -2] != END and ids[3].tolist() == [START] + [END] * 76
    probe = Probe("clip_text", model, BRANCHES)
    output = model(ids, output_hidden_states=True)
    probe.report()

    golden = Golden("clip_text", ["clip_text"])
    golden.input("input_ids", ids)
    exact = copy.deepcopy(model).double()(ids).last_hidden_state
    for row in range(len(PROMPTS)):
        golden.expect(f"last_hidden_state.{row}", output.last_hidden_state[row], exact=exact[row])

    first = ids[:1]
    padded_with_zero = torch.tensor([token_ids(PROMPTS[0], pad=0)])
    golden.mutate("gelu_erf", "last_hidden_state.0", gelu_instead_of_quick(model, first)[0])
    golden.mutate("no_causal_mask", "last_hidden_state.0", unmasked(model, first)[0])
    golden.mutate("no_final_layer_norm", "last_hidden_state.0", output.hidden_states[-1][0])
    clip_skip = model.final_layer_norm(output.hidden_states[-2])
    golden.mutate("previous_hidden_state", "last_hidden_state.0", clip_skip[0])
    golden.mutate("pad_with_0", "last_hidden_state.0", model(padded_with_zero).last_hidden_state[0])
    write_json("clip_text.prompts.json", PROMPTS)
    golden.save()


if __name__ == "__main__":
    main()
