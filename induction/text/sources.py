"""Where text comes from: installed packages, their docstrings, or a glob of files.

Files may come from strangers: what is no text is skipped and counted, what would leave the folder
or fill the memory is refused, and nothing is waited for.
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
from induction.text.documents import Document, docstrings

MAX_FILE = 10**9  # bytes
MAX_RECORD = 5 * 10**7  # bytes; as lists in lists, JSON takes fifty times as much in memory
MAX_RECORDS = 10**7  # files and records, read or skipped
ROWS = 8  # read at once from Parquet: each may be the same huge string, stored only once
# What pyarrow raises for bytes that are not what they should be.
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError)
NARROW = "name fewer files or packages"

# None stands for a file or a record that was skipped: it counts, too.
Documents = Iterator[Document | None]


def read(params: CorpusSettings) -> tuple[list[Document], Counter]:
    """All documents of the configured source, and how many files or records were skipped, by why.

    Raises StageError if a package is not installed, if nothing or too much is found, or if a link
    leads out of the folder.
    """
    skipped: Counter = Counter()
    if params.source == "files":
        found, where = _from_files(params, skipped), f"corpus.files {params.files!r}"
    else:
        found, where = _from_packages(params, skipped), f"corpus.packages {list(params.packages)}"
    where = f"params.yaml: {visible(where, 300)}: found"
    kept, characters = [], 0
    for count, document in enumerate(found, start=1):
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
    """False for lone surrogates, which JSON can smuggle in and no UTF-8 can hold."""
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
    """The files that `glob.glob(pattern, recursive=True)` finds, if it comes back.

    Python's follows links out of the folder, and links to folders above round and round. Here **
    follows no link to a folder: what it leads to inside the folder has a path of its own.

    Raises StageError for a link out of the fixed folder that the pattern begins with: the tables
    would publish what it leads to.
    """
    parts = PurePath(pattern).parts
    fixed = 0
    while fixed < len(parts) - 1 and not re.search(r"[*?[]", parts[fixed]):
        fixed += 1
    base = Path(*parts[:fixed])
    inside = Path(os.path.realpath(base))
    found: set[Path] = set()
    # Each folder is looked at once for each part, however many ** lead to it.
    todo, seen = [(base, fixed)], set()
    while todo:
        folder, at = todo.pop()
        if at == len(parts) or (folder, at) in seen:
            continue
        seen.add((folder, at))
        is_last, is_deep = at == len(parts) - 1, parts[at] == "**"
        if is_deep and not is_last:
            todo.append((folder, at + 1))
        for path in _entries(folder, "*" if is_deep else parts[at], skipped):
            is_folder, is_link = os.path.isdir(path), os.path.islink(path)
            if is_link and (is_folder or is_last):
                _check_link(path, inside)
            if is_folder and not (is_deep and is_link):
                todo.append((path, at if is_deep else at + 1))
            elif is_last and not is_folder:
                found.add(path)
    return found


def _entries(folder: Path, pattern: str, skipped: Counter) -> list[Path]:
    """What matches in one folder; hidden files never do."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        skipped["not readable"] += 1
        return []
    matches = re.compile(fnmatch.translate(pattern)).match
    return [folder / name for name in names if matches(name) and not name.startswith(".")]


def _check_link(link: Path, inside: Path) -> None:
    target = Path(os.path.realpath(link))
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
        found = path.stat()
        # Opening a named pipe would wait for a writer.
        if not stat.S_ISREG(found.st_mode):
            skipped["not a regular file"] += 1
            return None
        if found.st_size > MAX_FILE:
            raise StageError(
                f"{_name(path)}: found {found.st_size:,} bytes, expected at most {MAX_FILE:,}; "
                "split it"
            )
        return open(path, "rb")
    except OSError:
        skipped["not readable"] += 1
        return None


def _whole(path: Path, skipped: Counter) -> str | None:
    """The text of a file, if it is one."""
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
        row = 0
        try:
            file = pq.ParquetFile(source)
            _check_column(file.schema_arrow, path, column)
            for batch in file.iter_batches(batch_size=ROWS, columns=[column], use_threads=False):
                for value in batch.column(column):
                    row += 1
                    text = _value(value.as_buffer(), skipped)
                    yield None if text is None else Document(f"{_name(path)}:{row:09d}", text)
        except DAMAGE:
            skipped["not readable"] += 1
            yield None


def _check_column(schema: pa.Schema, path: Path, column: str) -> None:
    found = [field.type for field in schema if field.name == column]
    remedy = "set corpus.text_column in params.yaml"
    if len(found) != 1:
        raise StageError(
            f"{_name(path)}: found columns {visible(str(schema.names), 300)}, expected {column!r} "
            f"once; {remedy}"
        )
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(kind(found[0]) for kind in is_text):
        raise StageError(
            f"{_name(path)}: found column {column!r} of type {visible(str(found[0]), 100)}, "
            f"expected strings; write it as such, or {remedy}"
        )


def _value(data: pa.Buffer | None, skipped: Counter) -> str | None:
    if data is None:
        skipped["no text in record"] += 1
        return None
    if data.size > MAX_RECORD:
        skipped["too long"] += 1
        return None
    # Not `as_py`: no reader checks that what Parquet calls a string is UTF-8.
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
    """The text of one line of JSON, if it is there."""
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
