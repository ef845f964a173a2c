"""The documents in one file: its whole text, the lines of .jsonl, the rows of .parquet.

Files may come from strangers. What is not text is left out and counted; amounts that would fill
the memory are refused; pipes and devices are never opened.
"""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from induction.config.errors import StageError, visible
from induction.tables.parquet import DAMAGE
from induction.text.documents import Document
from induction.text.files import name_of
from induction.text.left_out import LeftOut, Reason

MAX_FILE = 10**9  # bytes
MAX_RECORD = 5 * 10**7  # bytes; nested lists in JSON take fifty times as much memory once parsed
BATCH_ROWS = 8  # of Parquet: each row may be the same huge string, stored only once

# None stands for a file or record that is left out, which counts towards the most there may be.
Documents = Iterator[Document | None]


def documents_of(path: Path, column: str, left_out: LeftOut) -> Documents:
    """All documents of a file; `column` holds the text in .jsonl and .parquet files.

    Raises StageError if the file is too large, or if its rows have no such column.
    """
    if path.suffix == ".parquet":
        yield from _from_parquet(path, column, left_out)
    elif path.suffix == ".jsonl":
        yield from _from_jsonl(path, column, left_out)
    else:
        text = whole(path, name_of(path), left_out)
        yield None if text is None else Document(name_of(path), text)


def whole(path: Path, name: str, left_out: LeftOut) -> str | None:
    """The text of a whole file, or None if it is left out, under this name."""
    file = _open(path, name, left_out)
    if file is None:
        return None
    with file:
        try:
            return _decode(file.read(MAX_FILE), name, left_out)
        except OSError:
            left_out.add(Reason.UNREADABLE, name)
            return None


def _open(path: Path, name: str, left_out: LeftOut) -> BinaryIO | None:
    """The file, if it is a regular one that can be read. Raises StageError if it is too large."""
    try:
        status = path.stat()
        # Opening a named pipe would wait for a writer.
        if not stat.S_ISREG(status.st_mode):
            left_out.add(Reason.NO_FILE, name)
            return None
        if status.st_size > MAX_FILE:
            raise StageError(
                f"{name}: found {status.st_size:,} bytes, expected at most {MAX_FILE:,}; split it"
            )
        return open(path, "rb")
    except OSError:
        left_out.add(Reason.UNREADABLE, name)
        return None


def _decode(data: bytes, name: str, left_out: LeftOut) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        left_out.add(Reason.NO_UTF8, name)
        return None


def _from_parquet(path: Path, column: str, left_out: LeftOut) -> Documents:
    # A file object, because pyarrow takes no path that is not UTF-8.
    source = _open(path, name_of(path), left_out)
    if source is None:
        yield None
        return
    with source:
        try:
            file = pq.ParquetFile(source)
            _check_column(file.schema_arrow, path, column)
            batches = file.iter_batches(batch_size=BATCH_ROWS, columns=[column], use_threads=False)
            values = (value for batch in batches for value in batch.column(column))
            for row, value in enumerate(values, start=1):
                name = f"{name_of(path)}:{row:09d}"
                text = _value(value.as_buffer(), name, left_out)
                yield None if text is None else Document(name, text)
        except DAMAGE:
            left_out.add(Reason.UNREADABLE, name_of(path))
            yield None


def _check_column(schema: pa.Schema, path: Path, column: str) -> None:
    types = [field.type for field in schema if field.name == column]
    remedy = "set corpus.text_column in params.yaml"
    if len(types) != 1:
        raise StageError(
            f"{name_of(path)}: found columns {visible(str(schema.names), 300)}, expected "
            f"{column!r} once; {remedy}"
        )
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(check(types[0]) for check in is_text):
        raise StageError(
            f"{name_of(path)}: found column {column!r} of type {visible(str(types[0]), 100)}, "
            f"expected strings; write it as such, or {remedy}"
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


def _from_jsonl(path: Path, column: str, left_out: LeftOut) -> Documents:
    file = _open(path, name_of(path), left_out)
    if file is None:
        yield None
        return
    with file:
        try:
            number = 0
            while line := file.readline(MAX_RECORD + 1):
                number += 1
                name = f"{name_of(path)}:{number:09d}"
                text = _record(line, column, name, left_out)
                yield None if text is None else Document(name, text)
                while len(line) > MAX_RECORD and not line.endswith(b"\n"):
                    line = file.readline(MAX_RECORD + 1)
        except OSError:
            left_out.add(Reason.UNREADABLE, name_of(path))
            yield None


def _record(line: bytes, column: str, name: str, left_out: LeftOut) -> str | None:
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
    value = record.get(column) if isinstance(record, dict) else None
    if not isinstance(value, str):
        left_out.add(Reason.NO_TEXT, name)
        return None
    return value
