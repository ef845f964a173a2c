"""What machines that share a folder keep in it.

cache/                 DVC's cache, into which each clone links
train/                 states of trainings, so that another machine can go on
repository.git         the commits that were run
runs/<commit>-<text>/  one study at one commit, on one text: its settings, jobs, and, for each cell,
                       its record, status, log and locks
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from induction.config.errors import StageError
from induction.pipeline.dvc_lock import LOCKS
from induction.tables.atomic import write


@dataclass(frozen=True)
class Settings:
    """What a worker has to know: the commit, this project's Python on the machines, and the
    packages that it has to have there."""

    commit: str
    python: str
    packages: list[str]
    corpora: list[str]  # what DVC calls the stages that come before all cells


@dataclass(frozen=True)
class SharedFolder:
    root: Path  # absolute

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def states(self) -> Path:
        return self.root / "train"

    @property
    def repository(self) -> Path:
        return self.root / "repository.git"

    def run(self, commit: str, before: str) -> "RunFolder":
        """Of a study at a commit, on what the digest `before` stands for: a text need not be in
        Git."""
        return RunFolder(self.root / "runs" / f"{commit[:12]}-{before[:6]}")


@dataclass(frozen=True)
class RunFolder:
    """What one study at one commit, on one text, keeps in the shared folder."""

    folder: Path

    @property
    def shared(self) -> SharedFolder:
        return SharedFolder(self.folder.parent.parent)

    def create(self) -> None:
        """Raises OSError if the folder cannot be written."""
        for name in ("given", "locks", "logs", "probes", "records", "status", "times"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for folder in (self.shared.cache, self.shared.states):
            folder.mkdir(exist_ok=True)

    @property
    def settings(self) -> Settings:
        path = self.folder / "settings.json"
        try:
            return Settings(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise StageError(
                f"{path}: not found, expected what `make study ON=…` writes; run that first"
            ) from None

    def write_settings(self, settings: Settings) -> None:
        write(self.folder / "settings.json", json.dumps(asdict(settings), indent=2).encode())
        # For the worker's script, which reads no JSON.
        for name in ("commit", "python"):
            write(self.folder / name, getattr(settings, name).encode())

    @property
    def given(self) -> Path:
        """The locks that every worker begins with."""
        return self.folder / "given"

    def locks_of(self, cell: str) -> Path:
        return self.folder / "locks" / cell

    @property
    def status(self) -> Path:
        return self.folder / "status"

    @property
    def times(self) -> Path:
        return self.folder / "times"

    @property
    def script(self) -> Path:
        """The worker, as it was when the run began."""
        return self.folder / "worker.sh"

    @property
    def jobs(self) -> Path:
        """What was submitted."""
        return self.folder / "jobs.json"

    def probe_of(self, node: str) -> Path:
        return self.folder / "probes" / f"{node}.json"

    def record_of(self, cell: str) -> Path:
        return self.folder / "records" / f"{cell}.json"

    def log_of(self, cell: str) -> Path:
        return self.folder / "logs" / f"{cell}.log"


def copy_locks(source: Path, target: Path) -> None:
    """Every dvc.lock that lies below `source`, to the same place below `target`."""
    for lock in LOCKS:
        if (source / lock).exists():
            (target / lock).parent.mkdir(parents=True, exist_ok=True)
            write(target / lock, (source / lock).read_bytes())
