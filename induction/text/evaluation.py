"""The fixed evaluation set, as tensors."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from induction.config.errors import StageError
from induction.config.remedy import rebuild
from induction.tables.corpus import EVAL, EVAL_SEQUENCES
from induction.tables.parquet import read_table
from induction.tables.source import Source


def sequences(source: Source, count: int | None = None) -> Int[Tensor, "seq pos"]:
    """Token ids of the first `count` evaluation sequences (or all), from table `eval`.

    Raises StageError unless the table holds every position of every sequence, from 0.
    """
    table = read_table(EVAL, source)
    n_seq, n_ctx = (int(table[name].max()) + 1 for name in ("seq", "pos"))
    # Keys are sorted and unique, so that no cell of the grid is missing if the size is right.
    if len(table["seq"]) != n_seq * n_ctx or min(table["seq"].min(), table["pos"].min()) < 0:
        raise StageError(f"{source.path}: sequences of different lengths; {rebuild(source.stage)}")
    return torch.from_numpy(table["token"].reshape(n_seq, n_ctx)[:count].astype(np.int64))


def sampled_positions(source: Source, n_ctx: int, count: int | None = None) -> Int[Tensor, "seq"]:
    """The one position of each sequence at which the loss vectors of PCA take its loss.

    Raises StageError for positions outside the window: the last one, n_ctx - 1, has no loss.
    """
    positions = read_table(EVAL_SEQUENCES, source)["sampled_pos"][:count]
    if positions.min() < 0 or positions.max() >= n_ctx - 1:
        raise StageError(
            f"{source.path}: sampled_pos beyond 0 … {n_ctx - 2}; {rebuild(source.stage)}"
        )
    return torch.from_numpy(positions.astype(np.int64))
