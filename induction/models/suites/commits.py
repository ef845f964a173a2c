"""The file that records which commits the names of revisions stood for when first asked.

Branches of a hub move, and the hub limits how often it answers: a name is resolved once.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from filelock import FileLock
from pydantic import Field

from induction.config.errors import StageError
from induction.config.strict import Text, parse, settings
from induction.tables.atomic import write


@settings
class Commit:
    """What a revision of a repository is: {repository: {revision: this}} in the file."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$", description="40 digits, 0-9 and a-f")]
    licence: Text


Recorded = dict[str, dict[str, Commit]]


class Commits:
    """`guard` is a file that processes lock while they add to the record."""

    def __init__(self, path: Path, guard: Path):
        self._path, self._guard = path, guard

    def recorded(self, repository: str, revision: str) -> Commit | None:
        """Raises StageError if the file is damaged."""
        return self._read().get(repository, {}).get(revision)

    def add(self, repository: str, revision: str, commit: Commit) -> None:
        self._guard.parent.mkdir(parents=True, exist_ok=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._guard):
            record = self._read()
            record.setdefault(repository, {})[revision] = commit
            values = {
                name: {revision: asdict(commit) for revision, commit in revisions.items()}
                for name, revisions in record.items()
            }
            write(self._path, (json.dumps(values, indent=1, sort_keys=True) + "\n").encode())

    def _read(self) -> Recorded:
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise StageError(
                f"{self._path}: not JSON, expected commits of the hub; git checkout it, or remove "
                "it to ask the hub again"
            ) from None
        return parse(Recorded, values, "", str(self._path))
