"""A query's result in the formats that other programs read: all rows, batch by batch."""

import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from induction.config.errors import StageError
from induction.report.formatting import NONE
from induction.tables.question import answer, questions

Result = duckdb.DuckDBPyRelation
BATCH = 65_536
NESTED = {"list", "array", "struct", "map", "union"}
# Types that JSON and Parquet lack, or write in another way than DuckDB.
ODD = {"interval", "bit", "union", "time with time zone"}
BYTES = {"blob"}
# Characters that Markdown takes for markup; not an underscore inside a word.
MARKUP = re.compile(r"[\\`*\[\]<>|~&#$]|(?<!\w)_|_(?!\w)")
BREAK = re.compile(r"\r\n?|\n")


def _as_text(result: Result, kinds: set[str] | None) -> Result:
    """The result with columns that hold these kinds, or all columns, as DuckDB writes them.

    Columns go by number: a query may give two of them one name.
    """
    columns = [
        (f"#{i}::varchar" if kinds is None or _holds(kind, kinds) else f"#{i}", name)
        for i, (name, kind) in enumerate(zip(result.columns, result.types, strict=True), start=1)
    ]
    quoted = [(what, name.replace('"', '""')) for what, name in columns]
    return result.project(", ".join(f'{what} as "{name}"' for what, name in quoted))


def _holds(kind: Any, kinds: set[str]) -> bool:
    """Whether a type is one of `kinds`, or contains one."""
    inner = [child for _, child in kind.children] if kind.id in NESTED else []
    return kind.id in kinds or any(_holds(k, kinds) for k in inner if type(k) is type(kind))


def _rows(result: Result) -> Iterator[dict[str, Any]]:
    """Row by row. Raises StageError if two columns have one name: a record holds but one."""
    _distinct(result)
    for batch in result.to_arrow_reader(BATCH):
        yield from batch.to_pylist()


def _distinct(result: Result) -> None:
    twice = sorted({name for name in result.columns if result.columns.count(name) > 1})
    if twice:
        raise StageError(
            f"query: found two columns {twice[0]!r}; give one of them another name (as)"
        )


def csv(result: Result, file: BinaryIO) -> None:
    """With a header, text in quotes, nothing for null."""
    reader = _as_text(result, NESTED | ODD | BYTES).to_arrow_reader(BATCH)
    with pa_csv.CSVWriter(file, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)


def parquet(result: Result, file: BinaryIO) -> None:
    _distinct(result)
    reader = _as_text(result, ODD).to_arrow_reader(BATCH)
    with pq.ParquetWriter(file, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


def as_json(result: Result, file: BinaryIO) -> None:
    """A list of one object per row; null for what JSON has no number for."""
    start = "[\n"
    for row in _rows(_as_text(result, ODD | BYTES)):
        text = json.dumps(_plain(row), ensure_ascii=False, allow_nan=False, default=str)
        file.write(f"{start}{text}".encode())
        start = ",\n"
    file.write(b"[]\n" if start == "[\n" else b"\n]\n")


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case float() if not math.isfinite(value):
            return None
    return value


def markdown(result: Result, file: BinaryIO) -> None:
    """A table, numbers to the right."""
    numbers = [_is_number(kind) for kind in result.types]
    head = [result.columns, ["---:" if number else "---" for number in numbers]]
    batches = _as_text(result, None).to_arrow_reader(BATCH)
    rows = (row for batch in batches for row in zip(*batch.to_pydict().values(), strict=True))
    for place, row in enumerate(chain(head, rows)):
        cells = row if place == 1 else map(_cell, row)
        file.write(f"| {' | '.join(cells)} |\n".encode())


def _is_number(kind: Any) -> bool:
    return kind.id.endswith(("int", "integer", "float", "double", "decimal"))


def _cell(text: str | None) -> str:
    if text is None:
        return NONE
    return BREAK.sub("<br>", MARKUP.sub(r"\\\g<0>", text))


FORMATS: dict[str, Callable[[Result, BinaryIO], None]] = {
    "csv": csv,
    "json": as_json,
    "markdown": markdown,
    "parquet": parquet,
}


def export(connection: duckdb.DuckDBPyConnection, sql: str, form: str, file: BinaryIO) -> None:
    """Write all rows of the result of one query. Raises StageError for several queries, or none."""
    statements = questions(connection, sql)
    if len(statements) != 1:
        raise StageError(
            f"query: --format {form} takes one query, found {len(statements)}; run them one by one"
        )
    try:
        answer(connection, statements[0], lambda result: FORMATS[form](result, file))
    except BrokenPipeError:
        raise
    except (pa.ArrowException, OSError) as error:
        # An error of DuckDB after the first batch arrives as one of Arrow.
        raise StageError(f"query: {form}: {error}") from None
