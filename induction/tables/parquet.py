"""Tables as Parquet files: writer and reader both hold them to their contracts."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from induction.config.errors import StageError
from induction.config.remedy import make, rebuild
from induction.tables.contract import Columns, Table, TableError
from induction.tables.provenance import KEY, Provenance, loads
from induction.tables.source import Source

# A few bytes of Parquet can claim any number of rows. When decoded, our largest table is three
# times as large as its file; the smallest, of constant columns, stay far below MAX_DECODED.
MAX_DECODED, MAX_EXPANSION = 2**30, 50
# What pyarrow raises for damaged files.
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError)


class TableWriter:
    """Writes `table` to `path`, one row group per `write`; rows must continue the grain's order.

    Byte-stream-split floats and dictionary keys keep per-token losses below 4 bytes a row.
    """

    def __init__(self, table: Table, path: Path, provenance: Provenance):
        self.table = table
        self._last_key: tuple | None = None
        floats = [c.name for c in table.columns if pa.types.is_floating(c.type)]
        coded = [c.name for c in table.columns if c.name not in floats]
        path.parent.mkdir(parents=True, exist_ok=True)
        schema = table.schema
        self._writer = pq.ParquetWriter(
            path,
            schema.with_metadata({**schema.metadata, KEY: provenance.dumps()}),
            compression="zstd",
            compression_level=3,
            # The stubs know `use_dictionary` as a bool alone.
            use_dictionary=coded,  # pyright: ignore[reportArgumentType]
            column_encoding={name: "BYTE_STREAM_SPLIT" for name in floats},
        )

    def write(self, data: Columns) -> None:
        batch, self._last_key = self.table.batch(data, after=self._last_key)
        self._writer.write_batch(batch, row_group_size=max(1, batch.num_rows))

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def write_table(table: Table, path: Path, data: Columns, provenance: Provenance) -> None:
    """Write a table that is one batch."""
    with TableWriter(table, path, provenance) as writer:
        writer.write(data)


def open_table(table: Table, source: Source) -> pq.ParquetFile:
    """An open Parquet file with the schema and version of `table`.

    Raises StageError naming file, fault and remedy if it is anything else.
    """
    try:
        file = pq.ParquetFile(source.path)
        schema = file.schema_arrow
    except FileNotFoundError:
        raise StageError(f"{source.path}: not found; {make(source.stage)}") from None
    except DAMAGE as error:
        raise source.broken(f"truncated or not Parquet ({_line(error)})") from None
    if not schema.equals(table.schema):
        raise source.broken(
            f"expected columns {table.schema.names} of table {table.name}, found {schema.names}, "
            "or their types differ"
        )
    version = (schema.metadata or {}).get(b"version", b"none").decode(errors="replace")
    if version != str(table.version):
        raise source.broken(
            f"expected version {table.version} of table {table.name}, found {version}"
        )
    widths = [8 if pa.types.is_string(kind) else kind.bit_width / 8 for kind in schema.types]
    decoded, size = int(sum(widths) * file.metadata.num_rows), source.path.stat().st_size
    if decoded > max(MAX_DECODED, MAX_EXPANSION * size):
        raise source.broken(
            f"claims {file.metadata.num_rows} rows, {decoded} bytes, in a file of {size}; refused"
        )
    return file


def provenance_of(table: Table, source: Source) -> Provenance:
    """The provenance in the file. Raises StageError if that is missing or unreadable."""
    metadata = open_table(table, source).schema_arrow.metadata
    return loads(metadata.get(KEY.encode()), source.path, lambda: rebuild(source.stage))


def row_groups(table: Table, source: Source) -> Iterator[dict[str, np.ndarray]]:
    """The columns of a file, row group by row group, each held to the contract of `table`.

    Raises StageError for damage and for what the contract forbids: null, NaN, keys that repeat
    or are out of order.
    """
    file, last_key = open_table(table, source), None
    try:
        for i in range(file.num_row_groups):
            rows = file.read_row_group(i)
            rows.validate(full=True)
            data = {name: rows[name].to_numpy() for name in rows.column_names}
            _, last_key = table.batch(data, after=last_key)
            yield data
    except TableError as error:
        raise source.broken(str(error)) from None
    except DAMAGE as error:
        raise source.broken(f"damaged ({_line(error)})") from None


def read_table(table: Table, source: Source) -> dict[str, np.ndarray]:
    """All columns of a small table as arrays, held to its contract."""
    parts = list(row_groups(table, source))
    if not parts and table.may_be_empty:
        return {c.name: np.array([], c.type.to_pandas_dtype()) for c in table.columns}
    if not parts:
        raise source.broken("no rows")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
