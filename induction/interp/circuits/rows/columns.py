"""Rows of the tables of stage `circuits`, by the names of their columns."""

from typing import Any

from jaxtyping import Float
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
