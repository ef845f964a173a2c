"""What a kill can leave of DVC's own files: it rewrites two of them in place."""

import json
import os
import sys
from pathlib import Path

import psutil

from induction.config.errors import StageError
from induction.config.paths import SCRATCH
from induction.pipeline.dvc_lock import LOCKS, read_lock

RWLOCK = Path(".dvc/tmp/rwlock")


def heal() -> None:
    """Remove locks that nobody holds, and lay aside any dvc.lock that is only half there.

    DVC refuses to run with either. Without dvc.lock it restores every output from its run cache.
    """
    if RWLOCK.exists() and not _is_held():
        RWLOCK.unlink()
    for lock in LOCKS:
        if lock.exists():
            _lay_aside_if_broken(lock)


def _lay_aside_if_broken(lock: Path) -> None:
    try:
        read_lock(lock)
    except StageError as error:
        aside = SCRATCH / f"{lock.as_posix().replace('/', '-')}.broken"
        os.replace(lock, aside)
        print(
            f"{error}. It now lies in {aside}, and is written anew from what DVC's cache knows",
            file=sys.stderr,
        )


def _is_held() -> bool:
    """Whether a DVC that is running has an entry; process numbers are used again after a while."""
    try:
        found = json.loads(RWLOCK.read_text(encoding="utf-8"))
        holders = [
            holder
            for entries in found.values()
            for held in entries.values()
            for holder in (held if isinstance(held, list) else [held])
        ]
        return any(_is_dvc(holder["pid"]) for holder in holders)
    except (ValueError, LookupError, TypeError, AttributeError):
        return False


def _is_dvc(pid: int) -> bool:
    try:
        return any("dvc" in part for part in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False
