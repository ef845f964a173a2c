"""Rows of the tables of stage `circuits`, by the names of their columns, and the tokens shown."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.interp.circuits.edges import Edge, Head
from induction.tables.contract import Columns, Table

# The values of a row by column, without `step`.
Row = dict[str, Any]
RowsByTable = dict[Table, list[Row]]


def head_key(head: Head) -> Row:
    return {"layer": head.layer, "head": head.index}


def edge_key(edge: Edge) -> Row:
    sender = {"from_layer": edge.sender.layer, "from_head": edge.sender.index}
    return head_key(edge.receiver) | sender


def with_step(table: Table, step: int, rows: list[Row]) -> Columns:
    """The columns of one checkpoint's rows, sorted by the table's grain."""
    keyed = [{"step": step} | row for row in rows]
    keyed.sort(key=lambda row: tuple(row[name] for name in table.grain))
    return table.columns_of(keyed)


def loss_rows(losses: dict[str, Float[Tensor, "seq"]], **key: object) -> list[Row]:
    """One row per sequence, each with `key`."""
    losses_by_name = {name: values.tolist() for name, values in losses.items()}
    return [
        {**key, "seq": seq, **dict(zip(losses_by_name, values, strict=True))}
        for seq, values in enumerate(zip(*losses_by_name.values(), strict=True))
    ]


@dataclass(frozen=True)
class Vocabulary:
    """What each token spells, its count in training, and the tokens common enough for a table."""

    texts: list[str]
    counts: Int[np.ndarray, "vocab"]
    common: Int[Tensor, "n"]

    @property
    def weight(self) -> Float[Tensor, "vocab"]:
        return torch.from_numpy(self.counts.astype(np.float64))


def common_tokens(counts: Int[np.ndarray, "vocab"], min_count: int) -> Int[Tensor, "n"]:
    """Tokens that occur at least `min_count` times, without id 0, end of text."""
    return torch.from_numpy(np.flatnonzero(counts[1:] >= min_count) + 1)
