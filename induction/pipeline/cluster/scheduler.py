"""What a cluster has to know how to do: what another one than Slurm needs too."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True)
class Submission:
    """Tasks to be run: each `command` of `tasks` on one machine, at most `at_once` of them at a
    time, the first ones first; `options` are the user's, and `not_on` machines to avoid."""

    name: str
    tasks: Sequence[Sequence[str]]
    at_once: int
    options: Sequence[str]
    logs: Path
    not_on: Sequence[str] = ()


@dataclass(frozen=True)
class Task:
    """A task that was submitted."""

    job: str
    index: int


@dataclass(frozen=True)
class TaskState:
    """What a scheduler knows of a task; `says` is why it waits or how it ended, in words. One that
    `failed` would fail again, as one that ran out of memory does; one that is `stuck` waits for
    what will never be."""

    phase: Literal["queued", "stuck", "running", "ended", "failed"]
    node: str = ""
    says: str = ""


class Scheduler(Protocol):
    def submit(self, submission: Submission) -> str:
        """Returns the job's name. Raises StageError, with the remedy, if it is refused."""
        ...

    def test(self, options: Sequence[str]) -> None:
        """Raises StageError if tasks with these options would be refused."""
        ...

    def states(self, name: str) -> dict[Task, TaskState]:
        """Of the tasks of all submissions of a name that are still known. Raises Away if nobody
        answers."""
        ...

    def cancel(self, jobs: Sequence[str]) -> None: ...

    def cancel_command(self, jobs: Sequence[str]) -> str:
        """What a user types to the same end."""
        ...

    def log(self, logs: Path, task: Task) -> Path:
        """What a task prints itself, where a machine is lost or the folder is not there."""
        ...
