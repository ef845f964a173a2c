"""How a worker ends, without a cluster: the stages are made up."""

import os
import signal
import time

import pytest

from induction.config.errors import StageError
from induction.pipeline import status
from induction.pipeline.cluster import records, worker
from induction.pipeline.cluster.packages import installed
from induction.pipeline.cluster.shared_folder import RunFolder, Settings
from induction.pipeline.engines import local
from induction.pipeline.engines.engine import Outcome

CELL = "attn1_s0"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> RunFolder:
    created = RunFolder(tmp_path / "lab" / "runs" / "abc")
    created.shared.root.mkdir()
    created.create()
    created.write_settings(Settings("abc", "python", installed(), []))
    monkeypatch.setenv(worker.NODE, "n1")
    monkeypatch.setenv(worker.JOB, "7_0")
    monkeypatch.delenv(worker.DEADLINE, raising=False)
    monkeypatch.setattr(worker, "_set_up", lambda folder, study, corpora: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    yield created
    local.STOPPED.clear()
    for number, handler in before.items():
        signal.signal(number, handler)


def works(monkeypatch, folder, do) -> int:
    """Run the worker with `do` in place of a cell's stages."""
    monkeypatch.setattr(worker, "one_by_one", lambda cells, share, tell: [do(tell)])
    return worker.work_for(folder, CELL, lambda cell, seconds: f"{cell}: {seconds:.0f} s")


def end(folder: RunFolder) -> tuple[str, str]:
    last = records.read(folder.record_of(CELL)).last
    assert last and (last.node, last.job) == ("n1", "7_0") and last.ended >= last.begun
    return last.end, last.says


def test_a_cell_that_goes_well_is_not_run_again(monkeypatch, folder):
    def do(tell):
        assert tell(CELL, 5.0) == f"{CELL}: 5 s"
        return Outcome(CELL, 9.0, "")

    assert works(monkeypatch, folder, do) == 0
    assert end(folder) == ("done", "")
    record = records.read(folder.record_of(CELL))
    assert record.result == f"{CELL}: 5 s" and record.is_done
    assert works(monkeypatch, folder, lambda tell: pytest.fail("run again")) == 0


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (StageError("params.yaml: broken; mend it"), "params.yaml: broken; mend it"),
        (OSError(122, "Disk quota exceeded", "data/x"), "data/x: Disk quota exceeded"),
    ],
)
def test_errors_are_recorded(monkeypatch, folder, error, wanted):
    def do(tell):
        raise error

    assert works(monkeypatch, folder, do) == 0
    assert end(folder) == ("failed", wanted)
    assert works(monkeypatch, folder, lambda tell: Outcome(CELL, 1.0, "broken")) == 0
    assert end(folder) == ("failed", "broken")


def test_a_bug_is_recorded_and_keeps_its_traceback(monkeypatch, folder):
    with pytest.raises(ZeroDivisionError):
        works(monkeypatch, folder, lambda tell: 1 / 0)
    assert end(folder) == (
        "failed",
        "ZeroDivisionError: division by zero (a bug; the log has more)",
    )


def test_a_machine_that_was_believed_lost_takes_nothing_from_the_record(monkeypatch, folder):
    """Another one works for the cell meanwhile, and ends first."""
    path = folder.record_of(CELL)

    def do(tell):
        records.note(path, records.Attempt("n2", "7_0", time.time(), time.time(), "done"), "line")
        return Outcome(CELL, 1.0, "broken")

    works(monkeypatch, folder, do)
    assert [each.end for each in records.read(path).attempts] == ["failed", "done"]
    assert records.read(path).is_done


def test_other_packages_are_refused(monkeypatch, folder):
    folder.write_settings(Settings("abc", "python", [*installed(), "zzz==1"], []))
    assert works(monkeypatch, folder, lambda tell: pytest.fail("run")) == 0
    assert end(folder) == ("refused", "zzz: found nothing, expected 1")


@pytest.mark.parametrize(
    ("left", "stage", "finishes", "wanted", "code"),
    [
        (3600, "losses", False, ("stopped", "preempted, or ended from outside"), worker.GO_ON),
        (30, "train", False, ("stopped", "the time limit came near"), worker.GO_ON),
        (30, "losses", True, ("stopped", "the time limit came near"), worker.GO_ON),
        (
            30,
            "losses",
            False,
            ("failed", "stage losses alone takes longer than the job may run; raise --time"),
            0,
        ),
    ],
)
def test_signals(monkeypatch, folder, tmp_path, left, stage, finishes, wanted, code):
    """`left` seconds before the end of the job; a stage that fills it would fill the next one."""
    monkeypatch.setenv(worker.DEADLINE, str(int(time.time()) + left))
    monkeypatch.setattr(status, "read", lambda name: status.Status(stage))

    def do(tell):
        if finishes:
            (folder.times / f"train@{CELL}.json").write_text("{}")
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(10)
        pytest.fail("not stopped")

    assert works(monkeypatch, folder, do) == code
    assert end(folder) == wanted
