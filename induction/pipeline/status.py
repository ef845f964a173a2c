"""What each cell is doing: a small file per cell, which `induction study` shows while it waits."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from induction.config.paths import SCRATCH
from induction.tables.atomic import remove, write

FOLDER = SCRATCH / "status"


@dataclass(frozen=True)
class Status:
    """The stage that ran last; `error` is empty unless it failed."""

    stage: str
    error: str


def read(name: str) -> Status | None:
    """The status of a cell, or None if none of its stages has started."""
    path = FOLDER / name
    return Status(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def forget(name: str) -> None:
    remove(FOLDER / name)


@contextmanager
def reported(stage: str, instance: str) -> Iterator[None]:
    """Report that a stage runs, and the error with which it ends, if it does."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / (instance or stage)
    _write(path, Status(stage, ""))
    try:
        yield
    except BaseException as error:
        _write(path, Status(stage, str(error) or type(error).__name__))
        raise


def _write(path: Path, status: Status) -> None:
    write(path, json.dumps(asdict(status)).encode())
