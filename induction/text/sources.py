"""Where text comes from: installed packages, their docstrings, or a glob of files.

Files may come from strangers. What is not text is skipped and counted; links out of the folder and
amounts that would fill the memory are refused; pipes and devices are never opened.
"""

import csv
import fnmatch
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path, PurePath
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from induction.config.corpus import MAX_CHARACTERS, CorpusSettings
from induction.config.errors import StageError, visible
from induction.tables.parquet import DAMAGE
from induction.text.documents import Document, docstrings

MAX_FILE = 10**9  # bytes
MAX_RECORD = 5 * 10**7  # bytes; nested lists in JSON take fifty times as much memory once parsed
MAX_RECORDS = 10**7  # files and records, read or skipped
BATCH_ROWS = 8  # of Parquet: each row may be the same huge string, stored only once
NARROW = "name fewer files or packages"
WILDCARD = re.compile(r"[*?[]")

# None stands for a skipped file or record, which counts towards MAX_RECORDS.
Documents = Iterator[Document | None]


def read(params: CorpusSettings) -> tuple[list[Document], Counter]:
    """All documents of the configured source, and the number of skipped files or records by reason.

    Raises StageError if a package is not installed, if there is no text or too much of it, or if a
    link leads out of the folder.
    """
    skipped: Counter = Counter()
    if params.source == "files":
        documents, where = _from_files(params, skipped), f"corpus.files {params.files!r}"
    else:
        documents = _from_packages(params, skipped)
        where = f"corpus.packages {list(params.packages)}"
    where = f"params.yaml: {visible(where, 300)}: found"
    kept, characters = [], 0
    for count, document in enumerate(documents, start=1):
        if count > MAX_RECORDS:
            raise StageError(f"{where} more than {MAX_RECORDS:,} records; {NARROW}")
        if document is None:
            continue
        if len(document.text) < params.min_characters:
            skipped["too short"] += 1
        elif not _is_unicode(document.text):
            skipped["not UTF-8"] += 1
        else:
            kept.append(document)
            characters += len(document.text)
        if characters > MAX_CHARACTERS:
            raise StageError(
                f"{where} more than {MAX_CHARACTERS:,} characters, which would have to be in "
                f"memory at once; {NARROW}"
            )
    if not kept:
        raise StageError(
            f"{where} no text of at least corpus.min_characters = {params.min_characters} "
            f"characters (skipped: {dict(+skipped) or 'nothing'}); point it at text files"
        )
    return kept, +skipped


def _is_unicode(text: str) -> bool:
    """False for lone surrogates, which JSON can spell and UTF-8 cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    return {package: metadata.version(package) for package in packages}


def _from_packages(params: CorpusSettings, skipped: Counter) -> Documents:
    for package in params.packages:
        remedy = "install it (and pin it in pyproject.toml) or remove it"
        try:
            files = metadata.files(package)
        except metadata.PackageNotFoundError:
            files = None
        except (csv.Error, TypeError, ValueError) as error:
            raise StageError(
                f"params.yaml: corpus.packages: found {package!r}, whose list of files is "
                f"unreadable ({visible(str(error), 100)}); {remedy}"
            ) from None
        if files is None:
            raise StageError(
                f"params.yaml: corpus.packages: found {package!r}, expected an installed package "
                f"with a list of files; {remedy}"
            )
        for file in files:
            if file.suffix != ".py" or ".." in file.parts or file.is_absolute():
                continue
            if file.name in params.exclude_names:
                skipped["excluded name"] += 1
                continue
            text = _whole(Path(file.locate()), skipped)
            if text is not None and params.source == "docstrings":
                try:
                    text = docstrings(text)
                except (SyntaxError, ValueError):
                    skipped["not parsable"] += 1
                    text = None
            yield None if text is None else Document(_name(file), text)


def _from_files(params: CorpusSettings, skipped: Counter) -> Documents:
    for path in sorted(_glob(params.files, skipped)):
        if path.name in params.exclude_names:
            skipped["excluded name"] += 1
            yield None
        elif path.suffix == ".parquet":
            yield from _from_parquet(path, params.text_column, skipped)
        elif path.suffix == ".jsonl":
            yield from _from_jsonl(path, params.text_column, skipped)
        else:
            text = _whole(path, skipped)
            yield None if text is None else Document(_name(path), text)


def _glob(pattern: str, skipped: Counter) -> set[Path]:
    """The files that `glob.glob(pattern, recursive=True)` finds, without its endless link cycles.

    Neither `glob` nor `pathlib` will do: with several `**` they take exponential time, they pass
    over unreadable folders in silence, and before Python 3.12 they fail in folders 1,000 deep.
    Here every folder is listed once per part of the pattern, and `**` follows no link to a folder,
    because what the link leads to has a path of its own.

    Raises StageError for a link out of the base, which is the folder that the pattern names before
    its first wildcard: the tables would publish what the link leads to.
    """
    *parents, last = PurePath(pattern).parts
    depth = next((i for i, part in enumerate(parents) if WILDCARD.search(part)), len(parents))
    base = Path(*parents[:depth])
    folders, files = {base} if os.path.isdir(base) else set(), set()
    for part in [*parents[depth:], last]:
        depth += 1
        is_deep, queue, files = part == "**", list(folders), set()
        folders = folders if is_deep else set()
        for folder in queue:  # `**` appends to it
            for path in _entries(folder, "*" if is_deep else part, skipped):
                is_folder, is_link = os.path.isdir(path), os.path.islink(path)
                if is_link and (is_folder or depth > len(parents)):
                    _check_link(path, base)
                if not is_folder:
                    files.add(path)
                elif not (is_deep and (is_link or path in folders)):
                    folders.add(path)
                    queue += [path] if is_deep else []
    return files


def _entries(folder: Path, pattern: str, skipped: Counter) -> list[Path]:
    """The paths in one folder that match; hidden ones never do."""
    try:
        names = fnmatch.filter(os.listdir(folder), pattern)
    except OSError:
        skipped["not readable"] += 1
        return []
    return [folder / name for name in names if not name.startswith(".")]


def _check_link(link: Path, base: Path) -> None:
    target, inside = Path(os.path.realpath(link)), Path(os.path.realpath(base))
    if not target.is_relative_to(inside):
        raise StageError(
            f"{_name(link)}: found a link to {_name(target)}, expected what lies in "
            f"{_name(inside)}; remove it or, if you trust it, begin corpus.files with that folder"
        )


def _name(path: PurePath) -> str:
    """A path as it goes into tables and messages: one line of valid Unicode."""
    return visible(path.as_posix())


def _open(path: Path, skipped: Counter) -> BinaryIO | None:
    """The file, if it is a regular one that can be read. Raises StageError if it is too large."""
    try:
        status = path.stat()
        # Opening a named pipe would wait for a writer.
        if not stat.S_ISREG(status.st_mode):
            skipped["not a regular file"] += 1
            return None
        if status.st_size > MAX_FILE:
            raise StageError(
                f"{_name(path)}: found {status.st_size:,} bytes, expected at most {MAX_FILE:,}; "
                "split it"
            )
        return open(path, "rb")
    except OSError:
        skipped["not readable"] += 1
        return None


def _whole(path: Path, skipped: Counter) -> str | None:
    """The text of a whole file, or None if it is skipped."""
    file = _open(path, skipped)
    if file is None:
        return None
    with file:
        try:
            return _decode(file.read(MAX_FILE), skipped)
        except OSError:
            skipped["not readable"] += 1
            return None


def _decode(data: bytes, skipped: Counter) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        skipped["not UTF-8"] += 1
        return None


def _from_parquet(path: Path, column: str, skipped: Counter) -> Documents:
    # A file object, because pyarrow takes no path that is not UTF-8.
    source = _open(path, skipped)
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
                text = _value(value.as_buffer(), skipped)
                yield None if text is None else Document(f"{_name(path)}:{row:09d}", text)
        except DAMAGE:
            skipped["not readable"] += 1
            yield None


def _check_column(schema: pa.Schema, path: Path, column: str) -> None:
    types = [field.type for field in schema if field.name == column]
    remedy = "set corpus.text_column in params.yaml"
    if len(types) != 1:
        raise StageError(
            f"{_name(path)}: found columns {visible(str(schema.names), 300)}, expected {column!r} "
            f"once; {remedy}"
        )
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(check(types[0]) for check in is_text):
        raise StageError(
            f"{_name(path)}: found column {column!r} of type {visible(str(types[0]), 100)}, "
            f"expected strings; write it as such, or {remedy}"
        )


def _value(data: pa.Buffer | None, skipped: Counter) -> str | None:
    if data is None:
        skipped["no text in record"] += 1
        return None
    if data.size > MAX_RECORD:
        skipped["too long"] += 1
        return None
    # Not `as_py`: no reader checks that the strings of a Parquet file are UTF-8.
    return _decode(data.to_pybytes(), skipped)


def _from_jsonl(path: Path, column: str, skipped: Counter) -> Documents:
    file = _open(path, skipped)
    if file is None:
        yield None
        return
    with file:
        try:
            number = 0
            while line := file.readline(MAX_RECORD + 1):
                number += 1
                text = _record(line, column, skipped)
                yield None if text is None else Document(f"{_name(path)}:{number:09d}", text)
                while len(line) > MAX_RECORD and not line.endswith(b"\n"):
                    line = file.readline(MAX_RECORD + 1)
        except OSError:
            skipped["not readable"] += 1
            yield None


def _record(line: bytes, column: str, skipped: Counter) -> str | None:
    """The text in one line of JSON, or None if it is skipped or blank."""
    if len(line) > MAX_RECORD:
        skipped["too long"] += 1
        return None
    decoded = _decode(line, skipped)
    if decoded is None or not decoded.strip():
        return None
    try:
        record = json.loads(decoded)
    except (ValueError, RecursionError):
        skipped["not JSON"] += 1
        return None
    value = record.get(column) if isinstance(record, dict) else None
    if not isinstance(value, str):
        skipped["no text in record"] += 1
        return None
    return value
