"""Parquet in and out. The writer enforces the contract; the reader names what is broken."""

from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.files.stage import StageError
from stages.lib.tables.contract import Table


class TableWriter:
    """Writes `table` to `path`, one row group per `write`; rows must continue the grain's order.

    Byte-stream-split floats and dictionary keys keep per-token losses below 4 bytes a row.
    `path` should come from `stages.files.stage.output`.
    """

    def __init__(self, table: Table, path: Path):
        self.table = table
        self._last_key: tuple | None = None
        floats = [c.name for c in table.columns if pa.types.is_floating(c.type)]
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(
            path,
            table.schema,
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


def write_table(table: Table, path: Path, data: dict[str, np.ndarray | list]) -> None:
    """Write a table that is one batch."""
    with TableWriter(table, path) as writer:
        writer.write(data)


def open_table(table: Table, path: Path, rebuild: str) -> pq.ParquetFile:
    """Open `path`, checked to be a whole Parquet file with the schema of `table`.

    `rebuild` is the DVC stage that makes it. Raises StageError naming file, fault and remedy.
    """
    remedy = f"rebuild it with `dvc repro --force --single-item {rebuild}`"
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise StageError(
            f"{path}: not found; make it with `dvc repro {rebuild}` or `dvc pull`"
        ) from None
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise StageError(f"{path}: truncated or not Parquet ({reason}); {remedy}") from None
    if not file.schema_arrow.equals(table.schema):
        raise StageError(
            f"{path}: expected columns {table.schema.names} of table {table.name}, found "
            f"{file.schema_arrow.names}, or their types differ; {remedy}"
        )
    return file


def read_table(table: Table, path: Path, rebuild: str) -> dict[str, np.ndarray]:
    """All columns of a small table as arrays."""
    try:
        found = open_table(table, path, rebuild).read()
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise StageError(
            f"{path}: damaged ({reason}); rebuild it with "
            f"`dvc repro --force --single-item {rebuild}`"
        ) from None
    return {name: found[name].to_numpy() for name in found.column_names}
