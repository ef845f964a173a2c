"""The documents in one file: its whole text, or its records in JSON, JSON Lines or Parquet.

Files may come from strangers. What is not text is left out and counted; what would be read as
something that it is not, and amounts that would fill the memory, are refused; pipes and devices are
never opened.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from induction.config.errors import StageError, visible
from induction.tables.parquet import DAMAGE
from induction.text import opening
from induction.text.documents import Document
from induction.text.files import name_of
from induction.text.left_out import LeftOut, Reason

MAX_RECORD = 5 * 10**7  # bytes; nested lists in JSON take fifty times as much memory once parsed
MAX_ARRAY = 2 * MAX_RECORD  # bytes of a .json file, which is read at once
BATCH_ROWS = 8  # of Parquet: each row may be the same huge string, stored only once
LINES, JSON, PARQUET = (".jsonl", ".ndjson"), ".json", ".parquet"
PACKED = (".gz", ".zst", ".zstd")
PARQUET_MAGIC = b"PAR1"
BETWEEN = " \t\r\n,"  # records of a JSON array

# None stands for a file or record that is left out, which counts towards the most there may be.
Documents = Iterator[Document | None]


def documents_of(path: Path, column: str, left_out: LeftOut) -> Documents:
    """All documents of a file; `column` holds the text of records.

    Raises StageError if the file is too large, if its rows have no such column, or if it has
    records under a name that does not say so.
    """
    name = name_of(path)
    file = opening.regular(path, name, left_out)
    if file is None:
        yield None
        return
    with file:
        try:
            if _suffix(path) == PARQUET or file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC:
                yield from _from_parquet(file, path, column, left_out)
            else:
                yield from _from_text(file, path, column, left_out)
        except (*DAMAGE, *opening.DAMAGE):
            left_out.add(Reason.UNREADABLE, name)
            yield None


def whole(path: Path, name: str, left_out: LeftOut) -> str | None:
    """The text of a whole file, or None if it is left out, under this name."""
    file = opening.regular(path, name, left_out)
    if file is None:
        return None
    with file:
        try:
            return _decode(file.read(), name, left_out)
        except OSError:
            left_out.add(Reason.UNREADABLE, name)
            return None


def _suffix(path: PurePath) -> str:
    """What the name says of the content, below what it is packed in."""
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return inner.suffix.lower()


def _decode(data: bytes, name: str, left_out: LeftOut) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        left_out.add(Reason.NO_UTF8, name, lambda: opening.likely(data))
        return None


def _from_text(file: BinaryIO, path: Path, column: str, left_out: LeftOut) -> Documents:
    name, suffix = name_of(path), _suffix(path)
    file.seek(0)
    try:
        stream, head = opening.unpacked(file, name)
    except UnicodeDecodeError as error:
        hint = f"marked as {error.encoding}, and damaged"
        left_out.add(Reason.NO_UTF8, name, lambda: hint)
        yield None
        return
    if suffix in LINES or (suffix == JSON and _is_record(head)):
        yield from _from_lines(stream, name, column, left_out)
    elif suffix == JSON:
        yield from _from_json(stream, name, column, left_out)
    elif _is_record(head) or re.match(rb"\s*\[\s*\{\s*\"", head):
        raise StageError(
            f"{name}: found records in JSON, expected text; rename it to .json, or to .jsonl if "
            "each line is a record, so that its records are read"
        )
    else:
        text = _decode(stream.read(), name, left_out)
        yield None if text is None else Document(name, text)


def _is_record(head: bytes) -> bool:
    """Whether the first line is a JSON object with at least one key."""
    line, end, _ = head.lstrip().partition(b"\n")
    if not end and len(head) >= opening.BUFFER // 2:
        return line.startswith((b'{"', b'{ "'))
    try:
        return bool(line.startswith(b"{") and json.loads(line))
    except (ValueError, RecursionError):
        return False


def _from_lines(stream: io.BufferedIOBase, name: str, column: str, left_out: LeftOut) -> Documents:
    number = 0
    while line := stream.readline(MAX_RECORD + 1):
        number += 1
        text = _from_line(line, column, f"{name}:{number:09d}", left_out)
        yield None if text is None else Document(f"{name}:{number:09d}", text)
        while len(line) > MAX_RECORD and not line.endswith(b"\n"):
            line = stream.readline(MAX_RECORD + 1)


def _from_line(line: bytes, column: str, name: str, left_out: LeftOut) -> str | None:
    """The text in one line of JSON, or None if it is left out or blank."""
    if len(line) > MAX_RECORD:
        left_out.add(Reason.LONG, name)
        return None
    decoded = _decode(line, name, left_out)
    if decoded is None or not decoded.strip():
        return None
    try:
        record = json.loads(decoded)
    except (ValueError, RecursionError):
        left_out.add(Reason.NO_JSON, name)
        return None
    return _text_of(record, column, name, left_out)


def _from_json(stream: io.BufferedIOBase, name: str, column: str, left_out: LeftOut) -> Documents:
    """A JSON array of records, one after the other, or a single record."""
    data = stream.read(MAX_ARRAY + 1)
    if len(data) > MAX_ARRAY:
        raise StageError(
            f"{name}: found more than {MAX_ARRAY:,} bytes, expected fewer in a JSON file, which is "
            "read at once; split it, or write one record per line (.jsonl)"
        )
    decoded = _decode(data, name, left_out)
    if decoded is None:
        yield None
        return
    at = _past_gap(decoded, 0)
    is_array = decoded[at : at + 1] == "["
    decoder, number = json.JSONDecoder(), 0
    at = _past_gap(decoded, at + is_array)
    while at < len(decoded) and not (is_array and decoded[at] == "]"):
        number += 1
        record_name = f"{name}:{number:09d}"
        try:
            record, at = decoder.raw_decode(decoded, at)
        except (ValueError, RecursionError):
            left_out.add(Reason.NO_JSON, record_name)
            yield None
            return
        text = _text_of(record, column, record_name, left_out)
        yield None if text is None else Document(record_name, text)
        at = _past_gap(decoded, at)


def _past_gap(text: str, at: int) -> int:
    while at < len(text) and text[at] in BETWEEN:
        at += 1
    return at


def _text_of(record: Any, column: str, name: str, left_out: LeftOut) -> str | None:
    value = record.get(column) if isinstance(record, dict) else None
    if isinstance(value, str):
        return value
    keys = ", ".join(record) if isinstance(record, dict) else ""
    hint = f"has {visible(keys, 100)}; set corpus.text_column" if keys else "no keys"
    left_out.add(Reason.NO_TEXT, name, lambda: hint)
    return None


def _from_parquet(file: BinaryIO, path: Path, column: str, left_out: LeftOut) -> Documents:
    # A file object, because pyarrow takes no path that is not UTF-8.
    batches = parquet_batches(file, name_of(path), column)
    yield from from_batches(batches, name_of(path), column, left_out)


def parquet_batches(file: Any, name: str, column: str) -> Iterator[pa.RecordBatch]:
    """One column of a Parquet file, a few rows at a time."""
    # Threads that read ahead would go on where reading stops early, and now and then abort this
    # program at its end.
    table = pq.ParquetFile(file, pre_buffer=False)
    check_column(table.schema_arrow, name, column)
    return table.iter_batches(batch_size=BATCH_ROWS, columns=[column], use_threads=False)


def from_batches(
    batches: Iterable[pa.RecordBatch], name: str, column: str, left_out: LeftOut
) -> Documents:
    """The texts in a column of batches of rows, which `check_column` has let pass."""
    values = (value for batch in batches for value in _plain(batch.column(column)))
    for row, value in enumerate(values, start=1):
        text = _value(value.as_buffer(), f"{name}:{row:09d}", left_out)
        yield None if text is None else Document(f"{name}:{row:09d}", text)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def check_column(schema: pa.Schema, name: str, column: str) -> None:
    """Raise StageError unless rows of this schema have one such column, of strings."""
    types = [field.type for field in schema if field.name == column]
    remedy = "set corpus.text_column in params.yaml"
    if len(types) != 1:
        raise StageError(
            f"{name}: found columns {visible(str(schema.names), 300)}, expected {column!r} once; "
            f"{remedy}"
        )
    of_values = types[0].value_type if pa.types.is_dictionary(types[0]) else types[0]
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(check(of_values) for check in is_text):
        raise StageError(
            f"{name}: found column {column!r} of type {visible(str(types[0]), 100)}, expected "
            f"strings; write it as such, or {remedy}"
        )


def _value(data: pa.Buffer | None, name: str, left_out: LeftOut) -> str | None:
    if data is None:
        left_out.add(Reason.NO_TEXT, name)
        return None
    if data.size > MAX_RECORD:
        left_out.add(Reason.LONG, name)
        return None
    # Not `as_py`: no reader checks that the strings of a Parquet file are UTF-8.
    return _decode(data.to_pybytes(), name, left_out)
