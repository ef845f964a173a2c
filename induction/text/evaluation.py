"""The fixed evaluation set, as tensors."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from induction.config.errors import StageError
from induction.config.remedy import corpus_in, rebuild
from induction.tables.corpus import EVAL, EVAL_SEQUENCES
from induction.tables.parquet import read_table

TOKENS, SEQUENCES = "eval.parquet", "eval_sequences.parquet"


def sequences(folder: Path, count: int | None = None) -> Int[Tensor, "seq pos"]:
    """Token ids of the first `count` evaluation sequences (or all) of the corpus in `folder`.

    Raises StageError unless the table holds every position of every sequence, from 0.
    """
    table = read_table(EVAL, folder / TOKENS, corpus_in(folder))
    n_seq, n_ctx = (int(table[name].max()) + 1 for name in ("seq", "pos"))
    # Keys are sorted and unique, so that no cell of the grid is missing if the size is right.
    if len(table["seq"]) != n_seq * n_ctx or min(table["seq"].min(), table["pos"].min()) < 0:
        raise StageError(
            f"{folder / TOKENS}: sequences of different lengths; {rebuild(corpus_in(folder))}"
        )
    return torch.from_numpy(table["token"].reshape(n_seq, n_ctx)[:count].astype(np.int64))


def sampled_positions(folder: Path, n_ctx: int, count: int | None = None) -> Int[Tensor, "seq"]:
    """The one position of each sequence at which the loss vectors of PCA take its loss.

    Raises StageError for positions outside the window: the last one, n_ctx - 1, has no loss.
    """
    path, label = folder / SEQUENCES, corpus_in(folder)
    positions = read_table(EVAL_SEQUENCES, path, label)["sampled_pos"][:count]
    if positions.min() < 0 or positions.max() >= n_ctx - 1:
        raise StageError(f"{path}: sampled_pos beyond 0 … {n_ctx - 2}; {rebuild(label)}")
    return torch.from_numpy(positions.astype(np.int64))
