"""Contracts: a table's columns with types and units, its grain, and the checks of every batch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

# The values of many rows by column.
Columns = dict[str, np.ndarray | list]


class TableError(ValueError):
    """A batch that breaks its table's contract; nothing of it is written."""


@dataclass(frozen=True)
class Column:
    """`unit` is what a reader needs to use the number: a unit, or what an index counts.

    A column of floats is `nullable` if the number is undefined in some rows; `unit` says in which.
    Arrays hold NaN there, files null.
    """

    name: str
    type: pa.DataType
    unit: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A Parquet table sorted by its `keys`, which together identify a row.

    `version` rises when a column changes its meaning but not its name. `without` are params that
    its stage reads and that do not affect this table. `may_be_empty` is for tables that have no
    rows for some models.
    """

    name: str
    about: str
    keys: tuple[Column, ...]
    values: tuple[Column, ...]
    version: int = 1
    without: tuple[str, ...] = ()
    may_be_empty: bool = False

    @property
    def grain(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.keys)

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.keys + self.values

    @property
    def schema(self) -> pa.Schema:
        metadata = {
            "table": self.name,
            "version": str(self.version),
            "about": self.about,
            "grain": ", ".join(self.grain),
            **{f"unit.{column.name}": column.unit for column in self.columns},
        }
        return pa.schema(
            [pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns], metadata=metadata
        )

    def columns_of(self, rows: list[dict[str, Any]]) -> Columns:
        """The columns of rows whose fields have their names: arrays, so that `batch` checks types
        and NaN; text as lists."""
        return {
            column.name: [row[column.name] for row in rows]
            if pa.types.is_string(column.type)
            else np.array([row[column.name] for row in rows], column.type.to_pandas_dtype())
            for column in self.columns
        }

    def batch(self, data: Columns, after: tuple | None = None) -> tuple[pa.RecordBatch, tuple]:
        """`data` as a record batch, with the key of its last row.

        Raises TableError unless: the columns are exactly the declared ones, equally long, of the
        declared type (arrays) or convertible to it (lists), without null, NaN or infinity, and
        the rows strictly increase along the grain, starting after the key `after`.
        """
        names = [column.name for column in self.columns]
        if sorted(data) != sorted(names):
            raise TableError(f"table {self.name}: expected columns {names}, found {list(data)}")
        arrays = []
        for column in self.columns:
            values, where = data[column.name], f"table {self.name}, column {column.name}"
            if isinstance(values, np.ndarray) and values.dtype.kind not in "UO":
                dtype = pa.from_numpy_dtype(values.dtype)
                if dtype != column.type:
                    raise TableError(f"{where}: expected {column.type}, found {dtype}")
                bad = np.isinf(values) if column.nullable else ~np.isfinite(values)
                if bad.any():
                    row = int(np.flatnonzero(bad)[0])
                    raise TableError(
                        f"{where}: {values[row]} in row {row} of the batch, where "
                        f"{self.grain} = {self._key(data, row)}"
                    )
            array = pa.array(values, column.type, from_pandas=column.nullable)
            if array.null_count and not column.nullable:
                raise TableError(f"{where}: null value")
            arrays.append(array)
        lengths = {len(array) for array in arrays}
        if len(lengths) != 1:
            raise TableError(f"table {self.name}: columns of different lengths {sorted(lengths)}")
        if lengths == {0}:
            raise TableError(f"table {self.name}: no rows")
        self._check_order(data, after)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema), self._key(data, -1)

    def _key(self, data: dict, row: int) -> tuple:
        values = (np.asarray(data[name])[row] for name in self.grain)
        return tuple(v.item() if isinstance(v, np.generic) else v for v in values)

    def _check_order(self, data: dict, after: tuple | None) -> None:
        columns = [np.asarray(data[name]) for name in self.grain]
        rises = np.zeros(len(columns[0]) - 1, dtype=bool)
        ties = np.ones(len(columns[0]) - 1, dtype=bool)
        for values in columns:
            rises |= ties & (values[:-1] < values[1:])
            ties &= values[:-1] == values[1:]
        if not rises.all():
            row = int(np.flatnonzero(~rises)[0])
            raise TableError(
                f"table {self.name}: rows must strictly increase along {self.grain}, found "
                f"{self._key(data, row)} before {self._key(data, row + 1)}"
            )
        if after is not None and not after < self._key(data, 0):
            raise TableError(
                f"table {self.name}: batch begins at {self._key(data, 0)}, not after {after}"
            )
