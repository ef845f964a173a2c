"""Rows as the writer of tables takes them."""

from typing import Any

import numpy as np
import pyarrow as pa

from induction.tables.contract import Table


def columns(table: Table, rows: list[tuple]) -> dict[str, np.ndarray | list]:
    """The columns of rows that are in the order of the table's columns, one row or more.

    Arrays, so that the writer checks types and NaN; text as lists.
    """
    return {
        own.name: list(values)
        if pa.types.is_string(own.type)
        else np.array(values, own.type.to_pandas_dtype())
        for own, values in zip(table.columns, zip(*rows, strict=True), strict=True)
    }


def columns_of(table: Table, rows: list[dict[str, Any]]) -> dict[str, np.ndarray | list]:
    """The columns of rows whose fields are named as the table's columns are, one row or more."""
    return columns(table, [tuple(row[own.name] for own in table.columns) for row in rows])
