"""The fixed evaluation set, as tensors."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from stages.files.checkpoints import Header
from stages.files.remedy import corpus_in, rebuild
from stages.files.stage import StageError
from stages.files.tables import read_table
from stages.lib.tables.corpus import EVAL, EVAL_SEQUENCES

TOKENS, SEQUENCES = "eval.parquet", "eval_sequences.parquet"


def sequences(folder: Path, count: int | None = None) -> Int[Tensor, "seq pos"]:
    """Tokens of the first `count` evaluation sequences, or of all, of the corpus in `folder`.

    Raises StageError unless the table holds every position of every sequence, from 0.
    """
    table = read_table(EVAL, folder / TOKENS, corpus_in(folder))
    n_seq, n_ctx = (int(table[name].max()) + 1 for name in ("seq", "pos"))
    # Keys are sorted and unique, so that the grid is whole if its size is.
    if len(table["seq"]) != n_seq * n_ctx or min(table["seq"].min(), table["pos"].min()) < 0:
        raise StageError(
            f"{folder / TOKENS}: sequences of different lengths; {rebuild(corpus_in(folder))}"
        )
    return torch.from_numpy(table["token"].reshape(n_seq, n_ctx)[:count].astype(np.int64))


def sampled_positions(folder: Path, n_ctx: int, count: int | None = None) -> Int[Tensor, "seq"]:
    """The one position of each sequence that stands for it in loss vectors."""
    path, label = folder / SEQUENCES, corpus_in(folder)
    found = read_table(EVAL_SEQUENCES, path, label)["sampled_pos"][:count]
    if found.min() < 0 or found.max() >= n_ctx - 1:
        raise StageError(f"{path}: sampled_pos beyond 0 … {n_ctx - 2}; {rebuild(label)}")
    return torch.from_numpy(found.astype(np.int64))


def check_fits(tokens: Int[Tensor, "seq pos"], header: Header, checkpoint: Path) -> None:
    """Raises StageError unless the model of `checkpoint` can read `tokens`."""
    n_ctx, largest = tokens.shape[1], int(tokens.max())
    if n_ctx > header.n_ctx or largest >= header.vocab_size:
        raise StageError(
            f"{checkpoint}: reads {header.n_ctx} tokens of a vocabulary of {header.vocab_size}, "
            f"but the evaluation set has {n_ctx}, up to token {largest}: of two corpora; run "
            "`dvc repro`"
        )
