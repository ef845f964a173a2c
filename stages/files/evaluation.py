"""The fixed evaluation set, as tensors."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from stages.files.stage import DATA
from stages.files.tables import read_table
from stages.lib.tables.corpus import EVAL, EVAL_SEQUENCES


def sequences(count: int | None = None) -> Int[Tensor, "seq pos"]:
    """Tokens of the first `count` evaluation sequences, or of all."""
    table = read_table(EVAL, DATA / "corpus" / "eval.parquet", "corpus")
    tokens = table["token"].reshape(int(table["seq"][-1]) + 1, -1)[:count]
    return torch.from_numpy(tokens.astype(np.int64))


def sampled_positions(count: int | None = None) -> Int[Tensor, "seq"]:
    """The one position of each sequence that stands for it in loss vectors."""
    table = read_table(EVAL_SEQUENCES, DATA / "corpus" / "eval_sequences.parquet", "corpus")
    return torch.from_numpy(table["sampled_pos"][:count].astype(np.int64))
