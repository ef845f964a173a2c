"""What dvc.lock says of every stage."""

import hashlib
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import yaml

from induction.config.errors import StageError
from induction.config.names import PUBLISHED, SUITES
from induction.config.remedy import address

LOCK = Path("dvc.lock")
LOCKS = (LOCK, *(Path(folder) / LOCK for folder in (PUBLISHED, SUITES)))
IGNORED = "__pycache__"  # as in .dvcignore
Hidden = Callable[[Collection[Path]], Collection[Path]]
# What reading something else as a lock file raises.
DAMAGE = (
    yaml.YAMLError,
    OSError,
    ValueError,
    RecursionError,
    LookupError,
    TypeError,
    AttributeError,
)


def nothing(_: Collection[Path]) -> Collection[Path]:
    return ()


def lock_of(label: str) -> Path:
    """The file that holds what DVC locked of a stage."""
    return Path(address(label).removesuffix(label)).parent / LOCK


def read_locks() -> dict[str, dict]:
    """The stages of every dvc.lock there is, by their names, which differ.

    Raises StageError if one cannot be read, or the study's is missing.
    """
    stages = read_lock(LOCK)
    for lock in LOCKS[1:]:
        stages |= read_lock(lock) if lock.exists() else {}
    return stages


def read_lock(lock: Path) -> dict[str, dict]:
    """The stages of one dvc.lock, by their names. Raises StageError if it cannot be read."""
    try:
        with open(lock, "rb") as file:
            stages = yaml.load(file, Loader=yaml.CSafeLoader)["stages"]
        for stage in stages.values():
            _check(stage)
        return stages
    except FileNotFoundError:
        raise StageError(f"{lock}: not found; nothing has run here: run `make study`") from None
    except DAMAGE as error:
        detail = " ".join(str(error).split())
        raise StageError(
            f"{lock}: not a lock file of DVC ({detail}); `git checkout {lock}` or `dvc repro`"
        ) from None


def _check(stage: dict) -> None:
    """Read every entry that is read later, so that a damaged file is reported as a whole."""
    if not isinstance(stage["cmd"], str):
        raise TypeError(f"found cmd {stage['cmd']!r}, expected text")
    for kind in ("deps", "outs"):
        hashes(stage, kind)
    params_of(stage)


def md5(path: Path, hidden: Hidden = nothing) -> str:
    """DVC's hash of a file, or of a folder: that of a list of its files with theirs.

    `hidden` are those of some files that .dvcignore names, beside what this project's always does.
    """
    if not path.is_dir():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, _md5).hexdigest()
    files = {p for p in path.rglob("*") if p.is_file() and IGNORED not in p.parts}
    files -= set(hidden(files))
    entries = [{"md5": md5(p), "relpath": p.relative_to(path).as_posix()} for p in files]
    entries.sort(key=lambda entry: entry["relpath"])
    return f"{_md5(json.dumps(entries, sort_keys=True).encode()).hexdigest()}.dir"


def _md5(data: bytes = b"") -> Any:
    return hashlib.md5(data, usedforsecurity=False)


def hashes(stage: dict, kind: str) -> dict[str, str]:
    """`deps` or `outs` of a locked stage: path -> hash."""
    return {str(entry["path"]): str(entry["md5"]) for entry in stage.get(kind, [])}


def params_of(stage: dict) -> dict[str, Any]:
    return stage.get("params", {}).get("params.yaml", {})
