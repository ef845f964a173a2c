"""Cells on machines that share a folder, through a scheduler: what runs there needs us no more."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from induction.pipeline import status
from induction.pipeline.cluster import records
from induction.pipeline.cluster.records import Attempt
from induction.pipeline.cluster.scheduler import Scheduler, Submission, Task, TaskState
from induction.pipeline.cluster.shared_folder import RunFolder
from induction.pipeline.engines.engine import State
from induction.pipeline.work import Work
from induction.tables.atomic import write

MOST_LOST = 3  # times that a cell is submitted again before we give up
MOST_REFUSED = 3  # machines that may differ before all are taken to


class Cluster:
    """`at_once` tasks at a time, each of `pack` cells."""

    def __init__(
        self,
        folder: RunFolder,
        scheduler: Scheduler,
        at_once: int,
        pack: int = 1,
        options: Sequence[str] = (),
    ):
        self.folder, self.scheduler = folder, scheduler
        self._at_once, self._pack, self._options = at_once, pack, options
        self._times: Counter[str] = Counter()  # that we submitted a cell
        self.name = f"induction-{folder.folder.name}"

    @property
    def jobs(self) -> list[str]:
        """Those that were submitted for this run, from the first."""
        return [each["job"] for each in self._submitted()]

    def submit(self, cells: Sequence[Work]) -> None:
        names = [each.cell for each in cells]
        packs = [names[i : i + self._pack] for i in range(0, len(names), self._pack)]
        script = ["bash", str(self.folder.script), str(self.folder.folder)]
        submission = Submission(
            self.name,
            [[*script, *pack] for pack in packs],
            self._at_once,
            self._options,
            self.folder.folder / "logs",
            sorted({each.node for name in names for each in self._refusals(name)}),
        )
        job = self.scheduler.submit(submission)
        entries = [*self._submitted(), {"job": job, "tasks": packs}]
        write(self.folder.jobs, json.dumps(entries, indent=2).encode())
        self._times.update(names)

    def states(self) -> dict[str, State]:
        known = self.scheduler.states(self.name)
        return {cell: self._state(cell, task, known.get(task)) for cell, task in self._tasks()}

    def cancel(self) -> None:
        self.scheduler.cancel(self.jobs)

    def cancel_stuck(self) -> None:
        """Cancel what will never start."""
        known = self.scheduler.states(self.name)
        if stuck := [f"{t.job}_{t.index}" for t, state in known.items() if state.phase == "stuck"]:
            self.scheduler.cancel(stuck)

    def log(self, cell: str) -> Path:
        path = self.folder.log_of(cell)
        task = dict(self._tasks()).get(cell)
        if path.exists() or task is None:
            return path
        return self.scheduler.log(self.folder.folder / "logs", task)

    def _submitted(self) -> list[dict]:
        path = self.folder.jobs
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []

    def _tasks(self) -> list[tuple[str, Task]]:
        """The last task of each cell."""
        tasks = {
            cell: Task(each["job"], index)
            for each in self._submitted()
            for index, pack in enumerate(each["tasks"])
            for cell in pack
        }
        return [*tasks.items()]

    def _refusals(self, cell: str) -> list[Attempt]:
        attempts = records.read(self.folder.record_of(cell)).attempts
        return [each for each in attempts if each.end == "refused"]

    def _state(self, cell: str, task: Task, known: TaskState | None) -> State:
        record = records.read(self.folder.record_of(cell))
        last = record.last

        def state(phase, says: str = "") -> State:
            node = last.node if last else ""
            return State(phase, says, node, record.seconds, record.result)

        if record.is_done:
            return state("done")
        is_of_task = last is not None and last.job == f"{task.job}_{task.index}"
        if last and is_of_task and last.end == "failed":
            return state("failed", f"{last.says} (on {last.node})")
        if known and known.phase == "queued":
            return state("queued", known.says)
        if known and known.phase == "stuck":
            return state("failed", known.says)
        if known and known.phase == "running" and not (last and is_of_task and last.end):
            return State("running", self._at(cell), known.node, record.seconds, record.result)
        if known and known.phase == "failed":
            return state("failed", f"{known.says} (at {self._at(cell) or 'its start'})")
        if known and known.phase == "running":
            return state("running", "ending")
        refusals = self._refusals(cell)
        if len(refusals) >= MOST_REFUSED:
            return state("failed", f"no machine has our packages: {refusals[-1].says}")
        says = (known.says if known else "") or "its job is gone"
        if last and is_of_task and last.end == "refused":
            says = f"{last.node} has other packages ({last.says})"
        if self._times[cell] > MOST_LOST:
            return state("failed", f"was lost {MOST_LOST + 1} times; the last time {says}")
        return state("lost", says)

    def _at(self, cell: str) -> str:
        """The stage that a cell is at, and how far that is."""
        current = status.read(cell, self.folder.status)
        if current is None:
            return ""
        return f"{current.stage} {current.share:.0%}" if current.share else current.stage
