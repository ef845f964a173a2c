"""One process at a time for each piece of work in this project."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from induction.config.errors import StageError
from induction.config.paths import SCRATCH

FOLDER = SCRATCH / "locks"
HOLDER = ".pid"


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock `name` of this project; the system releases it when the process ends.

    Raises StageError at once if another process holds it.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    holder = FOLDER / f"{name}{HOLDER}"
    try:
        with FileLock(FOLDER / name, timeout=0):
            holder.write_text(str(os.getpid()), encoding="utf-8")
            yield
    except Timeout:
        process = holder.read_text(encoding="utf-8") if holder.exists() else "unknown"
        raise StageError(
            f"{name} is already running in this folder (process {process}); wait for it, or stop "
            "it and run this again"
        ) from None


def names() -> list[str]:
    """The locks that were ever held here."""
    return sorted(path.name for path in FOLDER.glob("*") if path.suffix != HOLDER)
