"""Files and folders that are there whole or not at all, whatever stops the process."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.files.stage import SCRATCH, StageError


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Write a file at once; it outlives a crash of the machine, too."""
    partial = path.with_name(f"{path.name}.partial")
    with open(partial, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock `name` of this project; the system lets go of it when the process ends.

    Raises StageError at once if another process holds it.
    """
    folder = SCRATCH / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / name, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StageError(
                f"{name} is already running in this folder (process {file.read() or 'unknown'}); "
                "wait for it, or stop it and run this again"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
