"""Where text comes from: installed packages, their docstrings, a glob of files, or a hub."""

import hashlib
import math
from collections.abc import Callable, Collection
from pathlib import Path

from induction.config.corpus import MAX_CHARACTERS, CorpusSettings, Hub
from induction.config.errors import StageError, visible
from induction.text import files, hub, packages, records
from induction.text.documents import Document
from induction.text.left_out import LeftOut, Reason, rows, sentence
from induction.text.records import Documents

MAX_RECORDS = 10**7  # files and records, read or left out
NARROW = "name fewer files or packages"
# Those of some paths that .dvcignore hides from DVC.
Ignored = Callable[[Collection[Path]], Collection[Path]]


def nothing(_: Collection[Path]) -> Collection[Path]:
    return ()


def read(settings: CorpusSettings, ignored: Ignored = nothing) -> tuple[list[Document], LeftOut]:
    """All documents of the configured source, and what was left out.

    Of a hub, the first of the split that together have at most `corpus.max_characters`: what comes
    after them is not read.

    Raises StageError if a package is not installed, if there is no text or too much of it, if more
    of it is lost than `corpus.max_lost`, or if a link leads out of the folder.
    """
    left_out = LeftOut()
    where = f"params.yaml: {visible(_where(settings), 300)}: found"
    kept, characters = [], 0
    most = settings.max_characters if settings.source == "hub" else math.inf
    # Who asks for more says that there is memory for it.
    limit = max(MAX_CHARACTERS, settings.max_characters)
    for count, document in enumerate(_documents(settings, ignored, left_out), start=1):
        if count > MAX_RECORDS:
            raise StageError(f"{where} more than {MAX_RECORDS:,} records; {NARROW}")
        if document is None:
            continue
        if len(document.text) < settings.min_characters:
            left_out.add(Reason.SHORT, document.name)
        elif not _is_unicode(document.text):
            left_out.add(Reason.NO_UTF8, document.name)
        elif kept and characters + len(document.text) > most:
            break
        else:
            kept.append(document)
            characters += len(document.text)
        if characters > limit:
            raise StageError(
                f"{where} more than {limit:,} characters, which would have to be in memory at "
                f"once; {NARROW}"
            )
    says = visible(sentence(rows(left_out)), 500)
    if not kept:
        raise StageError(
            f"{where} no text of at least corpus.min_characters = {settings.min_characters} "
            f"characters (left out: {says or 'nothing'}); point it at text files"
        )
    total = len(kept) + left_out.counts.total()
    if left_out.lost > settings.max_lost * total:
        raise StageError(
            f"{where} {left_out.lost:,} of {total:,} files and records whose text is lost, "
            f"expected a share of at most corpus.max_lost = {settings.max_lost} ({says}); mend "
            "them, leave them out of the glob, or raise corpus.max_lost"
        )
    return kept, left_out


def digest(settings: CorpusSettings, ignored: Ignored = nothing) -> str:
    """sha256 of all that `read` would read: the files with their names, or the pinned versions."""
    if settings.source == "files":
        paths = _files(settings, ignored, LeftOut())
        lines = [f"{files.name_of(path)} {_sha256(path)}\n" for path in paths]
    else:
        lines = [f"{name}=={version}\n" for name, version in versions(settings).items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def versions(settings: CorpusSettings) -> dict[str, str]:
    """What is pinned of the text: a version of each package, a commit of a hub's dataset."""
    if settings.source == "files":
        return {}
    if dataset := _dataset(settings):
        return {hub.name_of(dataset): dataset.revision}
    return packages.versions(settings.packages)


def check(settings: CorpusSettings) -> None:
    """Raise StageError unless the text is there, in a form of which DVC sees every change.

    Nobody asks a hub here: what was read of it once is not read again.
    """
    if settings.source == "files":
        files.check_folder(settings.files)
    else:
        versions(settings)


def _dataset(settings: CorpusSettings) -> Hub | None:
    return settings.hub if settings.source == "hub" else None


def _where(settings: CorpusSettings) -> str:
    if settings.source == "files":
        return f"corpus.files {settings.files!r}"
    if dataset := _dataset(settings):
        return f"corpus.hub {hub.name_of(dataset)!r}"
    return f"corpus.packages {list(settings.packages)}"


def _documents(settings: CorpusSettings, ignored: Ignored, left_out: LeftOut) -> Documents:
    if settings.source == "files":
        for path in _files(settings, ignored, left_out):
            yield from records.documents_of(path, settings.text_column, left_out)
        return
    if dataset := _dataset(settings):
        yield from hub.documents_of(dataset, settings.text_column, left_out)
        return
    is_docstrings = settings.source == "docstrings"
    for package in settings.packages:
        yield from packages.documents_of(package, settings.exclude_names, is_docstrings, left_out)


def _files(settings: CorpusSettings, ignored: Ignored, left_out: LeftOut) -> list[Path]:
    """The files to read, sorted."""
    paths = files.matched(settings.files, left_out)
    excluded = {path for path in paths if path.name in settings.exclude_names}
    hidden = set(ignored(paths - excluded))
    for reason, some in ((Reason.EXCLUDED, excluded), (Reason.IGNORED, hidden)):
        left_out.add_all(reason, [files.name_of(path) for path in sorted(some)])
    return sorted(paths - excluded - hidden)


def _sha256(path: Path) -> str:
    """Of a file that can be read; empty otherwise, as such a file is left out."""
    if not path.is_file():
        return ""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _is_unicode(text: str) -> bool:
    """False for lone surrogates, which JSON can spell and UTF-8 cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
