"""Rows as the writer of tables takes them."""

from typing import Any

import numpy as np
import pyarrow as pa

from induction.tables.contract import Table


def columns(table: Table, rows: list[tuple]) -> dict[str, np.ndarray | list]:
    """The columns of rows that are in the order of the table's columns.

    Arrays, so that the writer checks types and NaN; text as lists.
    """
    return {
        column.name: [row[place] for row in rows]
        if pa.types.is_string(column.type)
        else np.array([row[place] for row in rows], column.type.to_pandas_dtype())
        for place, column in enumerate(table.columns)
    }


def columns_of(table: Table, rows: list[dict[str, Any]]) -> dict[str, np.ndarray | list]:
    """The columns of rows whose fields are named as the table's columns are."""
    return columns(table, [tuple(row[column.name] for column in table.columns) for row in rows])
