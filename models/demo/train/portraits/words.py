"""Captions to tokens."""

from pathlib import Path

from tokenizers import Tokenizer

BOS, EOS, LENGTH, ROWS = 49406, 49407, 77, 49408
TOKENIZER = Path(__file__).parents[2] / "tokenizer" / "tokenizer.json"
_tokenizer = Tokenizer.from_file(str(TOKENIZER))


def words_of(text):
    """The tokens of a text without its ends."""
    return [t for t in _tokenizer.encode(text, add_special_tokens=False).ids if t not in (BOS, EOS)]


def padded(words):
    """77 tokens, as the pipeline makes them."""
    words = words[: LENGTH - 2]
    return [BOS, *words, *[EOS] * (LENGTH - 1 - len(words))]
