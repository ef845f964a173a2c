"""The training stream, memory-mapped: training needs no more of it in memory than a batch."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt16
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from stages.files.provenance import Provenance, loads
from stages.files.stage import DATA, StageError
from stages.files.whole import write

PATH = DATA / "corpus" / "train_tokens.safetensors"
KEY, TENSOR = "stream", "tokens"
# Params of the corpus that decide about the evaluation set alone.
WITHOUT = ("corpus.n_ctx", "corpus.seed", "corpus.evaluation.sequences")
REMEDY = "rebuild it with `dvc repro --force --single-item corpus`"


def save_stream(path: Path, tokens: UInt16[np.ndarray, "stream"], provenance: Provenance) -> None:
    """Write all training tokens, with their hash."""
    header = {"sha256": _hash(tokens), "provenance": provenance.dumps()}
    metadata = {KEY: json.dumps(header, sort_keys=True)}
    write(path, save({TENSOR: torch.from_numpy(tokens)}, metadata=metadata))


def training_stream(vocab_size: int) -> tuple[UInt16[np.ndarray, "stream"], str]:
    """All training tokens, in order, and their hash.

    Raises StageError if the file is missing, damaged, or holds tokens beyond `vocab_size`.
    """
    tokens, header = _opened()
    largest = int(tokens.max(initial=0))
    if largest >= vocab_size:
        raise StageError(
            f"{PATH}: found token {largest}, but corpus.vocab_size is {vocab_size}; {REMEDY}"
        )
    return tokens, header["sha256"]


def check_stream() -> tuple[int, Provenance]:
    """How many tokens there are, and who made them. Raises StageError if their hash is wrong."""
    tokens, header = _opened()
    if _hash(tokens) != header["sha256"]:
        raise StageError(f"{PATH}: its tokens are not those it was made with; {REMEDY}")
    return len(tokens), loads(header.get("provenance"), PATH, REMEDY)


def _hash(tokens: UInt16[np.ndarray, "stream"]) -> str:
    return hashlib.sha256(np.ascontiguousarray(tokens, "<u2")).hexdigest()


def _opened() -> tuple[UInt16[np.ndarray, "stream"], dict[str, str]]:
    try:
        with safe_open(PATH, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if list(file.keys()) != [TENSOR] or not isinstance(header.get("sha256"), str):
                raise StageError(f"{PATH}: not a training stream of ours; {REMEDY}")
            tokens = file.get_tensor(TENSOR)
    except FileNotFoundError:
        raise StageError(
            f"{PATH}: not found; make it with `dvc repro corpus` or `dvc pull`"
        ) from None
    except (SafetensorError, OSError, ValueError, RecursionError, AttributeError) as error:
        raise StageError(f"{PATH}: truncated or not safetensors ({error}); {REMEDY}") from None
    if tokens.dtype != torch.uint16 or tokens.ndim != 1:
        raise StageError(f"{PATH}: expected tokens as 16-bit integers in a row; {REMEDY}")
    return tokens.numpy(), header
