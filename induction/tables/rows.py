"""Rows as the writer of tables takes them."""

from typing import Any

import numpy as np
import pyarrow as pa

from induction.tables.contract import Table


def columns(table: Table, rows: list[dict[str, Any]]) -> dict[str, np.ndarray | list]:
    """The table's columns, of rows whose fields have their names.

    Arrays, so that the writer checks types and NaN; text as lists.
    """
    return {
        column.name: [row[column.name] for row in rows]
        if pa.types.is_string(column.type)
        else np.array([row[column.name] for row in rows], column.type.to_pandas_dtype())
        for column in table.columns
    }
