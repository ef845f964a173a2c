"""The files that a glob names, in a folder that DVC can watch.

DVC hashes the folder that the glob names before its first wildcard (or the one file, if there is
no wildcard), and that is the dependency of stage `corpus`. So only what DVC sees there is read.
"""

import fnmatch
import os
import re
import stat
from pathlib import Path, PurePath

from induction.config.errors import StageError, visible
from induction.text.left_out import LeftOut, Reason

WILDCARD = re.compile(r"[*?[]")
IGNORE = ".dvcignore"


def watched(pattern: str) -> Path:
    """What DVC hashes for a glob: the folder before its first wildcard, or its one file."""
    parents, base, last = _parts(pattern)
    return base if parents or WILDCARD.search(last) else base / last


def matched(pattern: str, left_out: LeftOut) -> set[Path]:
    """The files that `glob.glob(pattern, recursive=True)` finds, but below no link to a folder.

    Neither `glob` nor `pathlib` will do: with several `**` they take exponential time, they pass
    over unreadable folders in silence, and before Python 3.12 they fail in folders 1,000 deep.
    Here every folder is listed once per part of the pattern. Links to folders are not followed
    (the folder that the pattern names before its first wildcard may be one), because DVC does not
    either: what they lead to has a path of its own.

    Raises StageError for a link out of that folder: the tables would publish what it leads to.
    """
    parents, base, last = _parts(pattern)
    folders, files = {base} if os.path.isdir(base) else set(), set()
    for depth, part in enumerate([*parents, last]):
        is_deep, queue, files = part == "**", list(folders), set()
        folders = folders if is_deep else set()
        for folder in queue:  # `**` appends to it
            for path in _entries(folder, "*" if is_deep else part, left_out):
                is_folder, is_link = os.path.isdir(path), os.path.islink(path)
                if is_link and (is_folder or depth == len(parents)):
                    _check_link(path, base)
                if not is_folder:
                    files.add(path)
                elif not is_link and path not in folders:
                    folders.add(path)
                    queue += [path] if is_deep else []
    return files


def check_folder(pattern: str) -> None:
    """Raise StageError unless DVC can hash what it watches for a glob.

    DVC fails at a link to nothing and at an unreadable file with an error of Python, and waits for
    ever for the writer of a named pipe.
    """
    path = watched(pattern)
    if not path.exists():
        raise StageError(
            f"{name_of(path)}: not found, expected the text of corpus.files {visible(pattern)!r}; "
            "put it there. In a folder of its own (`dvc exp run --temp`) there is only what is in "
            f"Git: add `--copy-paths {name_of(path)}`"
        )
    files = [path] if path.is_file() else _files_below(path)
    for file in files:
        if reason := _hindrance(file):
            raise StageError(
                f"{name_of(file)}: found {reason}, expected a file that DVC can hash, as it does "
                f"with all in {name_of(path)}; remove it, or choose another folder in corpus.files"
            )


def name_of(path: PurePath) -> str:
    """A path as it goes into tables and messages: one line of valid Unicode."""
    return visible(path.as_posix())


def _parts(pattern: str) -> tuple[list[str], Path, str]:
    """The folders with wildcards and those after them, the folder before them, the last part."""
    *parents, last = PurePath(pattern).parts
    depth = next((i for i, part in enumerate(parents) if WILDCARD.search(part)), len(parents))
    return parents[depth:], Path(*parents[:depth]), last


def _entries(folder: Path, pattern: str, left_out: LeftOut) -> list[Path]:
    """The paths in one folder that match; hidden ones never do."""
    try:
        names = fnmatch.filter(os.listdir(folder), pattern)
    except OSError:
        left_out.add(Reason.UNREADABLE, name_of(folder))
        return []
    return [folder / name for name in names if not name.startswith(".")]


def _check_link(link: Path, base: Path) -> None:
    target, inside = Path(os.path.realpath(link)), Path(os.path.realpath(base))
    if not target.is_relative_to(inside):
        raise StageError(
            f"{name_of(link)}: found a link to {name_of(target)}, expected what lies in "
            f"{name_of(inside)}; remove it or, if you trust what it leads to, copy all of it with "
            f"`cp -rL {name_of(base)} {name_of(base)}_copied` and name the copy in corpus.files"
        )


def _files_below(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise StageError(f"{visible(str(error.filename))}: {error.strerror}; give read access")

    return [
        Path(root, name) for root, _, names in os.walk(folder, onerror=refuse) for name in names
    ]


def _hindrance(file: Path) -> str:
    """Why DVC cannot hash a file; empty if it can."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return "a link to nothing"
    if file.name == IGNORE:
        return "patterns of what DVC should not see"
    if not stat.S_ISREG(mode):
        return "no regular file"
    return "" if os.access(file, os.R_OK) else "a file without read access"
