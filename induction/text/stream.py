"""The training stream, memory-mapped: training needs no more of it in memory than a batch."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt16
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from induction.config.errors import StageError
from induction.config.remedy import make, rebuild
from induction.tables.atomic import write
from induction.tables.provenance import Provenance, loads
from induction.tables.source import Source

KEY, TENSOR = "stream", "tokens"
END_OF_TEXT_ID = 0


class TrainingStream(NamedTuple):
    """All training tokens in order, their hash, and what made them."""

    tokens: UInt16[np.ndarray, "stream"]
    sha256: str
    provenance: Provenance


def join_documents(documents: list[np.ndarray]) -> UInt16[np.ndarray, "stream"]:
    """The tokens of all documents, each after one end-of-text token, in 16 bits."""
    separator = np.array([END_OF_TEXT_ID])
    parts = [part for tokens in documents for part in (separator, tokens)]
    return np.concatenate(parts, dtype=np.uint16, casting="unsafe")


def save_stream(path: Path, tokens: UInt16[np.ndarray, "stream"], provenance: Provenance) -> None:
    """Write all training tokens, with their hash."""
    header = {"sha256": _hash(tokens), "provenance": provenance.dumps()}
    metadata = {KEY: json.dumps(header, sort_keys=True)}
    write(path, save({TENSOR: torch.from_numpy(tokens)}, metadata=metadata))


def load_stream(source: Source, vocab_size: int) -> TrainingStream:
    """The training stream of a corpus.

    Raises StageError if the file is missing, damaged or does not match its hash, or if it holds
    tokens beyond `vocab_size`.
    """
    path, label = source.path, source.stage
    tokens, header = _open(path, label)
    if _hash(tokens) != header["sha256"]:
        raise StageError(f"{path}: the tokens do not match their hash; {rebuild(label)}")
    largest = int(tokens.max(initial=0))
    if largest >= vocab_size:
        raise StageError(
            f"{path}: found token {largest}, but corpus.vocab_size is {vocab_size}; "
            f"{rebuild(label)}"
        )
    provenance = loads(header.get("provenance"), path, lambda: rebuild(label))
    return TrainingStream(tokens, header["sha256"], provenance)


def _hash(tokens: UInt16[np.ndarray, "stream"]) -> str:
    return hashlib.sha256(np.ascontiguousarray(tokens, "<u2").data).hexdigest()


def _open(path: Path, label: str) -> tuple[UInt16[np.ndarray, "stream"], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if list(file.keys()) != [TENSOR] or not isinstance(header.get("sha256"), str):
                raise StageError(f"{path}: not a training stream of ours; {rebuild(label)}")
            tokens = file.get_tensor(TENSOR)
    except FileNotFoundError:
        raise StageError(f"{path}: not found; {make(label)}") from None
    except (SafetensorError, OSError, ValueError, RecursionError, AttributeError) as error:
        raise StageError(
            f"{path}: truncated or not safetensors ({error}); {rebuild(label)}"
        ) from None
    if tokens.dtype != torch.uint16 or tokens.ndim != 1:
        raise StageError(f"{path}: expected one row of 16-bit tokens; {rebuild(label)}")
    return tokens.numpy(), header
