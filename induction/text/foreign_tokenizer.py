"""Tokenizers of others: whole, and such that what they encode is the text."""

import json
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.implementations.byte_level_bpe import ByteLevelBPETokenizer

from induction.config.errors import ABSENT, StageError, show, visible

# Read to see whether it survives: case, indentation, line breaks, brackets.
PROBE = "def f(x):\n    return x"
# Those whose vocab.json and merges.txt say all; others split text in ways of their own.
LIKE_GPT2 = ("GPT2Tokenizer", "GPT2TokenizerFast", None)


def load_foreign_tokenizer(folder: Path, where: str) -> Tokenizer:
    """The tokenizer in a folder, which adds no token to a text, and cuts and pads none.

    Special tokens that a text spells out are text. Raises StageError if there is none, or one
    that does not encode text: transformers makes empty ones where files are missing.
    """
    tokenizer = _read(folder, where)
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()
    added = tokenizer.get_added_tokens_decoder().values()
    special = sum(token.special for token in added)
    size = tokenizer.get_vocab_size()
    if size <= special:
        raise StageError(
            f"{where}: found a tokenizer of {size} tokens, {special} of them special, expected a "
            "vocabulary; copy its tokenizer.json beside the weights, or set tokenizer"
        )
    ids = tokenizer.encode(PROBE, add_special_tokens=False).ids
    decoded = tokenizer.decode(ids, skip_special_tokens=False)
    if len(set(ids)) < 2 or decoded.removeprefix(" ") != PROBE:
        raise StageError(
            f"{where}: found a tokenizer that makes {show(decoded)} of {PROBE!r}, expected the "
            "text again; set tokenizer to that which the model was trained with"
        )
    return tokenizer


def _read(folder: Path, where: str) -> Tokenizer:
    whole, parts = folder / "tokenizer.json", (folder / "vocab.json", folder / "merges.txt")
    if whole.is_file():
        path, read = whole, lambda: Tokenizer.from_str(whole.read_text(encoding="utf-8"))
    elif all(part.is_file() for part in parts):
        path, read = parts[0], lambda: _of_parts(folder, where)
    else:
        raise StageError(
            f"{where}: found no tokenizer.json in {folder}, nor vocab.json with merges.txt, "
            "expected a tokenizer; set tokenizer to where it lies"
        )
    try:
        return read()
    except StageError:
        raise
    except Exception as error:  # the library raises nothing narrower
        said = visible(" ".join(str(error).split()), 120)
        raise StageError(
            f"{where}: {path}: damaged, no tokenizer ({said}); copy or fetch it again"
        ) from None


def _of_parts(folder: Path, where: str) -> Tokenizer:
    settings = folder / "tokenizer_config.json"
    values = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    kind = values.get("tokenizer_class")
    if kind not in LIKE_GPT2:
        raise StageError(
            f"{where}: {settings}: found {show(kind or ABSENT)} without its tokenizer.json, "
            "expected GPT2Tokenizer; open it with transformers.AutoTokenizer and save it with "
            "save_pretrained"
        )
    tokenizer = ByteLevelBPETokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        add_prefix_space=bool(values.get("add_prefix_space", False)),
    )
    return Tokenizer.from_str(tokenizer.to_str())
