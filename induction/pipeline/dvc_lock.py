"""What dvc.lock says of every stage, against the files and params as they are."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.remedy import address

LOCK = Path("dvc.lock")
LOCKS = (LOCK, Path(PUBLISHED) / LOCK)
READ = 2**20
IGNORED = "__pycache__"  # as in .dvcignore
# What reading something else as a lock file raises.
NOT_ONE = (yaml.YAMLError, OSError, ValueError, RecursionError, LookupError, TypeError)
NOT_ONE += (AttributeError,)


def lock_of(label: str) -> Path:
    """The file that holds what DVC locked of a stage."""
    return LOCKS[address(label) != label]


def read_locks() -> dict[str, dict]:
    """The stages of every dvc.lock there is, by their names, which differ.

    Raises StageError if one cannot be read, or the study's own is not there.
    """
    found = read_lock(LOCK)
    for lock in LOCKS[1:]:
        found |= read_lock(lock) if lock.exists() else {}
    return found


def read_lock(lock: Path) -> dict[str, dict]:
    """The stages of one dvc.lock, by their names. Raises StageError if it cannot be read."""
    try:
        found = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
        for stage in found.values():
            # What is asked for later must be there.
            str(stage["cmd"]), hashes(stage, "deps"), hashes(stage, "outs"), params_of(stage)
        return found
    except FileNotFoundError:
        raise StageError(f"{lock}: not found; nothing has run here: run `make study`") from None
    except NOT_ONE as error:
        detail = " ".join(str(error).split())
        raise StageError(
            f"{lock}: not a lock file of DVC ({detail}); `git checkout {lock}` or `dvc repro`"
        ) from None


def md5(path: Path) -> str:
    """DVC's hash of a file, or of a folder: that of a list of its files with theirs."""
    if not path.is_dir():
        found = hashlib.md5(usedforsecurity=False)
        with open(path, "rb") as file:
            while part := file.read(READ):
                found.update(part)
        return found.hexdigest()
    files = [p for p in path.rglob("*") if p.is_file() and IGNORED not in p.parts]
    listed = [{"md5": md5(p), "relpath": p.relative_to(path).as_posix()} for p in files]
    listed.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(listed, sort_keys=True)
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"


def hashes(stage: dict, kind: str) -> dict[str, str]:
    """`deps` or `outs` of a locked stage: path -> hash."""
    return {str(entry["path"]): str(entry["md5"]) for entry in stage.get(kind, [])}


def params_of(stage: dict) -> dict[str, Any]:
    return stage.get("params", {}).get("params.yaml", {})
