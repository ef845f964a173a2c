"""What is known of a cell, from its record and from what a made-up scheduler says of its task."""

import json

import pytest

from induction.pipeline.cluster import records
from induction.pipeline.cluster.records import Attempt
from induction.pipeline.cluster.scheduler import Submission, Task, TaskState
from induction.pipeline.cluster.shared_folder import RunFolder
from induction.pipeline.engines.cluster import MOST_LOST, MOST_REFUSED, Cluster
from induction.pipeline.work import Work


class Scheduler:
    def __init__(self) -> None:
        self.submissions: list[Submission] = []
        self.known: dict[Task, TaskState] = {}

    def submit(self, submission: Submission) -> str:
        self.submissions.append(submission)
        return str(len(self.submissions))

    def test(self, options) -> None: ...

    def states(self, name: str) -> dict[Task, TaskState]:
        return self.known

    def cancel(self, jobs) -> None: ...

    def cancel_command(self, jobs) -> str:
        return ""

    def log(self, logs, task: Task):
        return logs / f"{task.job}_{task.index}"


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler()


@pytest.fixture
def engine(tmp_path, scheduler) -> Cluster:
    folder = RunFolder(tmp_path / "runs" / "abc")
    folder.create()
    return Cluster(folder, scheduler, 2, 2, ["--time=1"])


def works(*cells: str) -> list[Work]:
    return [Work(cell, [], []) for cell in cells]


def record(engine: Cluster, cell: str, *ends: tuple[str, str, str, str]) -> None:
    """(node, job, end, says) of each attempt."""
    for i, (n, j, e, s) in enumerate(ends):
        attempt = Attempt(n, j, 10.0 + i, 12.0 + i if e else 0.0, e, s)
        records.note(engine.folder.record_of(cell), attempt, "line")


def test_cells_are_packed_in_their_order(engine, scheduler):
    engine.submit(works("a", "b", "c"))
    (submission,) = scheduler.submissions
    script = ["bash", str(engine.folder.script), str(engine.folder.folder)]
    assert submission.tasks == [[*script, "a", "b"], [*script, "c"]]
    assert (submission.at_once, submission.options) == (2, ["--time=1"])
    assert json.loads(engine.folder.jobs.read_text()) == [
        {"job": "1", "tasks": [["a", "b"], ["c"]]}
    ]


ENDED = TaskState("ended", "n1", "its node was lost")


@pytest.mark.parametrize(
    ("known", "ends", "wanted"),
    [
        (TaskState("queued", says="no node is free"), [], ("queued", "no node is free")),
        (TaskState("stuck", says="asks for too much"), [], ("failed", "asks for too much")),
        (TaskState("running", "n1"), [("n1", "1_0", "", "")], ("running", "")),
        # Another cell of its task still runs.
        (TaskState("running", "n1"), [("n1", "1_0", "done", "")], ("done", "")),
        (TaskState("running", "n1"), [("n1", "1_0", "failed", "no")], ("failed", "no (on n1)")),
        (ENDED, [("n1", "1_0", "", "")], ("lost", "its node was lost")),
        (None, [("n1", "1_0", "stopped", "preempted")], ("lost", "its job is gone")),
        (None, [], ("lost", "its job is gone")),
        (
            TaskState("failed", "n1", "ran out of memory; ask for more with --mem in SLURM"),
            [("n1", "1_0", "", "")],
            ("failed", "ran out of memory; ask for more with --mem in SLURM (at its start)"),
        ),
        # An end of an earlier task says nothing about this one.
        (TaskState("running", "n1"), [("n1", "0_0", "failed", "broken")], ("running", "")),
        (
            TaskState("ended", "n2"),
            [("n2", "1_0", "refused", "torch: found 1, expected 2")],
            ("lost", "n2 has other packages (torch: found 1, expected 2)"),
        ),
    ],
)  # fmt: skip
def test_states(engine, scheduler, known, ends, wanted):
    engine.submit(works("a", "b"))
    record(engine, "a", *ends)
    if known:
        scheduler.known[Task("1", 0)] = known
    state = engine.states()["a"]
    assert (state.phase, state.says) == wanted


def test_a_cell_that_is_lost_again_and_again_fails(engine):
    for _ in range(MOST_LOST):
        engine.submit(works("a"))
        assert engine.states()["a"].phase == "lost"
    engine.submit(works("a"))
    state = engine.states()["a"]
    assert state.phase == "failed" and f"was lost {MOST_LOST + 1} times" in state.says


def test_machines_with_other_packages_are_avoided_until_there_are_too_many(engine, scheduler):
    engine.submit(works("a"))
    nodes = [f"n{i}" for i in range(MOST_REFUSED)]
    for i in range(1, MOST_REFUSED + 1):
        record(engine, "a", *((node, "1_0", "refused", "torch") for node in nodes[:i]))
        state = engine.states()["a"]
        if i < MOST_REFUSED:
            assert state.phase == "lost"
            engine.submit(works("a"))
            assert scheduler.submissions[-1].not_on == nodes[:i]
    assert (state.phase, state.says) == ("failed", "no machine has our packages: torch")


def test_the_log_is_the_task_s_where_the_cell_has_none(engine):
    engine.submit(works("a", "b", "c"))
    assert engine.log("c").name == "1_1"
    engine.folder.log_of("c").touch()
    assert engine.log("c") == engine.folder.log_of("c")
