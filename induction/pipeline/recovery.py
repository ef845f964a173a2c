"""What a killed run can leave behind: scratch files, and files that DVC rewrites in place."""

import json
import os
import sys
import time
from pathlib import Path

import psutil

from induction.config.errors import StageError
from induction.config.paths import SCRATCH, TRAINING_STATES
from induction.pipeline import locks
from induction.pipeline.dvc_lock import LOCKS, read_lock
from induction.tables.atomic import remove, remove_abandoned

RWLOCK = Path(".dvc/tmp/rwlock")
STATE_DAYS = 14  # a training state that nobody took up for so long is removed


def recover() -> None:
    """Remove what a killed run left half-done. Raises StageError if a stage is running."""
    for name in locks.names():
        if name != "study":
            with locks.exclusive(name):
                pass
    remove(SCRATCH / "partial")
    # The states may lie elsewhere, behind a link, and be those of several hosts.
    for folder in (SCRATCH, TRAINING_STATES):
        remove_abandoned(folder.rglob("*.partial"))
    recover_dvc()


def recover_dvc() -> None:
    """Remove locks that nobody holds, and lay aside any dvc.lock that is only half there.

    DVC refuses to run with either. Without dvc.lock it restores every output from its run cache.
    """
    if RWLOCK.exists() and not _is_held():
        RWLOCK.unlink()
    for lock in LOCKS:
        if lock.exists():
            _lay_aside_if_broken(lock)


def forget_old_states() -> None:
    """Remove training states that grew old: after a run, which may have taken one up."""
    oldest = time.time() - STATE_DAYS * 24 * 3600
    for folder in TRAINING_STATES.glob("*"):
        if folder.stat().st_mtime < oldest:
            remove(folder)


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
        content = json.loads(RWLOCK.read_text(encoding="utf-8"))
        holders = [
            holder
            for entries in content.values()
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
