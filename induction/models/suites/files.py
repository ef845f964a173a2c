"""Which of the files beside a checkpoint are its weights, and which its tokenizer."""

import re
from collections.abc import Collection
from typing import Literal

from induction.config.errors import StageError

Pickle = Literal["refuse", "weights_only"]
CONFIG = "config.json"
SAFETENSORS, PICKLED = ("model", "safetensors"), ("pytorch_model", "bin")
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)


def has_tokenizer(names: Collection[str]) -> bool:
    return "tokenizer.json" in names or {"vocab.json", "merges.txt"} <= {*names}


def weight_files(names: Collection[str], where: str, pickle: Pickle) -> list[str]:
    """The names of the files with weights: safetensors before pickles, one file before shards.

    Raises StageError if there are none, a shard is missing, or there are pickles alone that
    `pickle` does not let in.
    """
    safetensors = _files(names, where, *SAFETENSORS)
    if safetensors:
        return safetensors
    pickled = _files(names, where, *PICKLED)
    if not pickled:
        raise StageError(
            f"{where}: found no weights, expected model.safetensors; correct the path or revision"
        )
    if pickle == "refuse":
        raise StageError(
            f"{where}: found pickled weights alone ({pickled[0]}), expected model.safetensors; set "
            "pickle: weights_only to read them with a loader that runs no code"
        )
    return pickled


def _files(names: Collection[str], where: str, stem: str, suffix: str) -> list[str]:
    whole = f"{stem}.{suffix}"
    if whole in names:
        return [whole]
    shard = re.compile(rf"{stem}-\d{{5}}-of-(\d{{5}})\.{suffix}")
    counts = {match[1] for name in names if (match := shard.fullmatch(name))}
    if not counts:
        return []
    if len(counts) > 1:
        raise StageError(
            f"{where}: found weights of two checkpoints (of {' and of '.join(sorted(counts))} "
            "files), expected one; remove the files that do not belong to it"
        )
    (count,) = counts
    shards = [f"{stem}-{i + 1:05}-of-{count}.{suffix}" for i in range(int(count))]
    missing = [name for name in shards if name not in names]
    if missing:
        raise StageError(
            f"{where}: found {len(shards) - len(missing)} of {len(shards)} files of weights, "
            f"expected {missing[0]}, too; copy the checkpoint again"
        )
    return shards
