"""Where text comes from: installed packages, their docstrings, or a glob of files."""

import glob
import json
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

from stages.files.stage import StageError
from stages.lib.text import Document, docstrings
from stages.settings.corpus import Corpus


def read(params: Corpus) -> tuple[list[Document], Counter]:
    """All documents of the configured source, and how many files or records were skipped, by why.

    Raises StageError if a package is not installed, or nothing is found.
    """
    skipped: Counter = Counter()
    if params.source == "files":
        found = list(_from_files(params, skipped))
        where = f"corpus.files {params.files!r}"
    else:
        found = list(_from_packages(params, skipped))
        where = f"corpus.packages {list(params.packages)}"
    kept = []
    for document in found:
        if len(document.text) < params.min_characters:
            skipped["too short"] += 1
        elif not _is_unicode(document.text):
            skipped["not UTF-8"] += 1
        else:
            kept.append(document)
    if not kept:
        raise StageError(
            f"params.yaml: {where}: found no text of at least corpus.min_characters = "
            f"{params.min_characters} characters (skipped: {dict(+skipped) or 'nothing'}); point "
            "it at text files"
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


def _decode(path: Path, skipped: Counter) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        skipped["not UTF-8"] += 1
    except OSError:
        skipped["not readable"] += 1
    return None


def _from_packages(params: Corpus, skipped: Counter) -> Iterator[Document]:
    for package in params.packages:
        try:
            files = metadata.files(package)
        except metadata.PackageNotFoundError:
            files = None
        if files is None:
            raise StageError(
                f"params.yaml: corpus.packages: found {package!r}, expected an installed package "
                "with a list of files; install it (and pin it in pyproject.toml) or remove it"
            )
        for file in files:
            if file.suffix != ".py" or ".." in file.parts:
                continue
            if file.name in params.exclude_names:
                skipped["excluded name"] += 1
                continue
            text = _decode(Path(file.locate()), skipped)
            if text is not None and params.source == "docstrings":
                try:
                    text = docstrings(text)
                except (SyntaxError, ValueError):
                    skipped["not parsable"] += 1
                    text = None
            if text is not None:
                yield Document(str(file), text)


def _from_files(params: Corpus, skipped: Counter) -> Iterator[Document]:
    for name in sorted(glob.glob(params.files, recursive=True)):
        path = Path(name)
        if not path.is_file():
            continue
        if path.name in params.exclude_names:
            skipped["excluded name"] += 1
        elif path.suffix == ".parquet":
            yield from _from_parquet(path, params.text_column, skipped)
        elif path.suffix == ".jsonl":
            yield from _from_jsonl(path, params.text_column, skipped)
        else:
            text = _decode(path, skipped)
            if text is not None:
                yield Document(path.as_posix(), text)


def _from_parquet(path: Path, column: str, skipped: Counter) -> Iterator[Document]:
    try:
        file = pq.ParquetFile(path)
        if column not in file.schema_arrow.names:
            raise StageError(
                f"{path}: found columns {file.schema_arrow.names}, expected {column!r}; set "
                "corpus.text_column in params.yaml"
            )
        row = 0
        for batch in file.iter_batches(columns=[column]):
            for text in batch.column(0).to_pylist():
                row += 1
                if isinstance(text, str):
                    yield Document(f"{path.as_posix()}:{row:09d}", text)
                else:
                    skipped["no text in record"] += 1
    except (ArrowInvalid, OSError):
        skipped["not readable"] += 1


def _from_jsonl(path: Path, column: str, skipped: Counter) -> Iterator[Document]:
    text = _decode(path, skipped)
    for number, line in enumerate((text or "").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            skipped["not JSON"] += 1
            continue
        value = record.get(column) if isinstance(record, dict) else None
        if isinstance(value, str):
            yield Document(f"{path.as_posix()}:{number:09d}", value)
        else:
            skipped["no text in record"] += 1
