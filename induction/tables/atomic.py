"""Files that are written whole or not at all, whatever stops the process, and whoever else writes
to the same name, on this host or another."""

import glob
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

PARTIAL = re.compile(r"\.(?P<host>[0-9a-f]{12})-(?P<pid>\d+)-[0-9a-f]{8}\.partial$")
ABANDONED = 24 * 3600.0  # seconds after which a process of another host writes no more


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Write a file in one piece, synced to disk: it survives a crash of the machine, too."""
    partial = _partial(path)
    try:
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    remove_abandoned(path.parent.glob(f"{glob.escape(path.name)}.*.partial"))


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Remove those of some files that `write` began and that nobody will finish."""
    for path in paths:
        with suppress(FileNotFoundError):  # another process removed it first, or finished it
            if _is_abandoned(path):
                path.unlink()


def _partial(path: Path) -> Path:
    """A name beside `path` that no other process, and no other call of this one, takes."""
    name = f"{path.name}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.partial"
    return path.with_name(name)


def _is_abandoned(path: Path) -> bool:
    """Process ids say nothing about another host, or about this one before it was started anew:
    what came from there is left alone until it is old."""
    name = PARTIAL.search(path.name)
    if name is None:
        return False
    is_old = path.stat().st_mtime < time.time() - ABANDONED
    return is_old or (name["host"] == _host() and not _is_running(int(name["pid"])))


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@cache
def _host() -> str:
    """What process ids belong to: a host since its last start, or a container in it."""
    parts = [platform.node()]
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"),
        lambda: os.readlink("/proc/self/ns/pid"),
    ):
        with suppress(OSError):  # only Linux has them
            parts.append(read())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
