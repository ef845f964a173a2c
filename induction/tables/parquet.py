"""Parquet in and out. The writer enforces the contract; the reader names what breaks it."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from induction.config.errors import StageError
from induction.config.remedy import make, rebuild
from induction.tables.contract import Table, TableError
from induction.tables.provenance import KEY, Provenance, loads

# A few bytes of Parquet can claim any number of rows. Of our tables, the largest is three times
# its file when decoded; the smallest, of constant columns, are far below the floor.
MAX_DECODED, MAX_EXPANSION = 2**30, 50
# What pyarrow raises for bytes that are not what they should be.
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError)


class TableWriter:
    """Writes `table` to `path`, one row group per `write`; rows must continue the grain's order.

    Byte-stream-split floats and dictionary keys keep per-token losses below 4 bytes a row.
    `path` should come from `Job.output`.
    """

    def __init__(self, table: Table, path: Path, provenance: Provenance):
        self.table = table
        self._last_key: tuple | None = None
        floats = [c.name for c in table.columns if pa.types.is_floating(c.type)]
        path.parent.mkdir(parents=True, exist_ok=True)
        schema = table.schema
        self._writer = pq.ParquetWriter(
            path,
            schema.with_metadata({**schema.metadata, KEY: provenance.dumps()}),
            compression="zstd",
            compression_level=3,
            use_dictionary=[c.name for c in table.columns if c.name not in floats],
            column_encoding={name: "BYTE_STREAM_SPLIT" for name in floats},
        )

    def write(self, data: dict[str, np.ndarray | list]) -> None:
        batch, self._last_key = self.table.batch(data, after=self._last_key)
        self._writer.write_batch(batch, row_group_size=max(1, batch.num_rows))

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._writer.close()


def write_table(
    table: Table, path: Path, data: dict[str, np.ndarray | list], provenance: Provenance
) -> None:
    """Write a table that is one batch."""
    with TableWriter(table, path, provenance) as writer:
        writer.write(data)


def open_table(table: Table, path: Path, stage: str) -> pq.ParquetFile:
    """Open `path`, checked to be a whole Parquet file with the schema and version of `table`.

    `stage` is the DVC stage that makes it. Raises StageError naming file, fault and remedy.
    """
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
    except FileNotFoundError:
        raise StageError(f"{path}: not found; {make(stage)}") from None
    except DAMAGE as error:
        raise StageError(
            f"{path}: truncated or not Parquet ({_line(error)}); {rebuild(stage)}"
        ) from None
    if not schema.equals(table.schema):
        raise StageError(
            f"{path}: expected columns {table.schema.names} of table {table.name}, found "
            f"{schema.names}, or their types differ; {rebuild(stage)}"
        )
    version = (schema.metadata or {}).get(b"version", b"none").decode(errors="replace")
    if version != str(table.version):
        raise StageError(
            f"{path}: expected version {table.version} of table {table.name}, found {version}; "
            f"{rebuild(stage)}"
        )
    widths = [8 if pa.types.is_string(kind) else kind.bit_width / 8 for kind in schema.types]
    decoded, size = int(sum(widths) * file.metadata.num_rows), path.stat().st_size
    if decoded > max(MAX_DECODED, MAX_EXPANSION * size):
        raise StageError(
            f"{path}: claims {file.metadata.num_rows} rows, {decoded} bytes, in a file of {size}; "
            f"refused; {rebuild(stage)}"
        )
    return file


def provenance_of(table: Table, path: Path, stage: str) -> Provenance:
    """What the file says of its making. Raises StageError if that is missing or unreadable."""
    metadata = open_table(table, path, stage).schema_arrow.metadata
    return loads(metadata.get(KEY.encode()), path, lambda: rebuild(stage))


def row_groups(table: Table, path: Path, stage: str) -> Iterator[dict[str, np.ndarray]]:
    """The columns of `path`, row group by row group, each held to the contract of `table`.

    Raises StageError for damage and for what the contract forbids: null, NaN, keys that repeat
    or are out of order.
    """
    file, last = open_table(table, path, stage), None
    try:
        for i in range(file.num_row_groups):
            found = file.read_row_group(i)
            found.validate(full=True)
            data = {name: found[name].to_numpy() for name in found.column_names}
            _, last = table.batch(data, after=last)
            yield data
    except TableError as error:
        raise StageError(f"{path}: {error}; {rebuild(stage)}") from None
    except DAMAGE as error:
        raise StageError(f"{path}: damaged ({_line(error)}); {rebuild(stage)}") from None


def read_table(table: Table, path: Path, stage: str) -> dict[str, np.ndarray]:
    """All columns of a small table as arrays, held to its contract."""
    parts = list(row_groups(table, path, stage))
    if not parts and table.may_be_empty:
        return {c.name: np.array([], c.type.to_pandas_dtype()) for c in table.columns}
    if not parts:
        raise StageError(f"{path}: no rows; {rebuild(stage)}")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
