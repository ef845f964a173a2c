"""What each cell is doing: a small file per cell, which `induction study` shows while it waits."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from induction.config.paths import SCRATCH
from induction.tables.atomic import remove, write

FOLDER = SCRATCH / "status"
SHARE_SECONDS = 5.0  # between two reports of a share: each is synced to disk


@dataclass(frozen=True)
class Status:
    """The stage that ran last, which share of it is done, where that is known, and whether it ended
    well; `error` is empty unless it failed."""

    stage: str
    error: str = ""
    share: float = 0.0
    ended: bool = False


_running: tuple[Path, Status] | None = None  # of the stage that this process runs
_next_share = 0.0  # when its share is to be reported again


def read(name: str, folder: Path = FOLDER) -> Status | None:
    """The status of a cell, or None if none of its stages has started."""
    path = folder / name
    return Status(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def forget(name: str) -> None:
    remove(FOLDER / name)


@contextmanager
def reported(stage: str, instance: str) -> Iterator[None]:
    """Report that a stage runs, and the error with which it ends, if it does."""
    global _running
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / (instance or stage)
    _running = path, Status(stage)
    _write(*_running)
    try:
        yield
        _write(path, Status(stage, ended=True))
    except BaseException as error:
        _write(path, Status(stage, str(error) or type(error).__name__))
        raise
    finally:
        _running = None


def note_share(share: float) -> None:
    """Report which share of the stage that this process runs is done, if it runs one."""
    global _next_share
    if _running and time.monotonic() >= _next_share:
        path, status = _running
        _write(path, replace(status, share=share))
        _next_share = time.monotonic() + SHARE_SECONDS


def _write(path: Path, status: Status) -> None:
    write(path, json.dumps(asdict(status)).encode())
