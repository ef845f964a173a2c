"""Work for one cell on a machine that shares a folder with others: runs in a clone of its own."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from induction.config.errors import StageError
from induction.config.paths import SCRATCH, TRAINING_STATES
from induction.config.study import Study
from induction.pipeline import plan, status
from induction.pipeline.cluster import records
from induction.pipeline.cluster.packages import differences, installed
from induction.pipeline.cluster.records import Attempt
from induction.pipeline.cluster.shared_folder import RunFolder, copy_locks
from induction.pipeline.declarations import stages
from induction.pipeline.engines.local import one_by_one, stop_children
from induction.pipeline.environment import DVC, run
from induction.pipeline.settings import read_study
from induction.pipeline.work import Work, cell_targets, work
from induction.tables.atomic import write

GO_ON = 75  # exit status: stopped from outside, to be started again
# Seconds: a stop so close to the end of the time that the job has is because of that end.
NEAR_THE_END = 180
# What the engine's script says of the job that this is.
NODE, JOB, DEADLINE = "WORKER_NODE", "WORKER_JOB", "WORKER_DEADLINE"


@dataclass
class _Stop:
    """Whether someone outside wants this to end, and when that was."""

    at: float = field(default=0.0)

    def __call__(self, *_: object) -> None:
        self.at = time.time()
        stop_children()

    @property
    def is_time_limit(self) -> bool:
        """As Slurm says it, in seconds since 1970."""
        deadline = os.environ.get(DEADLINE, "")
        return deadline.isdigit() and int(deadline) - self.at < NEAR_THE_END


def work_for(folder: RunFolder, cell: str, describe: Callable[[str, float], str]) -> int:
    """Run what is left of a cell, and record how it ends. Returns an exit status: 0 if there is no
    more to do here, whether it went well or not, GO_ON if it was stopped."""
    path = folder.record_of(cell)
    before_us = records.read(path)
    if before_us.is_done:
        return 0
    attempt = Attempt(os.environ.get(NODE, ""), os.environ.get(JOB, ""), time.time())
    records.note(path, attempt)

    def end(how: records.End, says: str = "") -> int:
        attempt.ended, attempt.end, attempt.says = time.time(), how, says
        records.note(path, attempt)
        print(f"{cell}: {how}{f': {says}' if says else ''}", flush=True)
        return GO_ON if how == "stopped" else 0

    def tell(_: str, seconds: float) -> str:
        line = describe(cell, before_us.seconds + seconds)
        records.note(path, attempt, line)
        return line

    settings = folder.settings
    if wrong := differences(settings.packages, installed()):
        return end("refused", "; ".join(wrong))
    stop = _Stop()
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, stop)
    before = _finished(folder, cell)
    try:
        study = read_study()
        _set_up(folder, study, settings.corpora)
        (outcome,) = one_by_one([_work(study, cell)], False, tell)
        if stop.at:
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        current = status.read(cell)
        stage = current.stage if current else ""
        if not stop.is_time_limit:
            return end("stopped", "preempted, or ended from outside")
        if stage != "train" and _finished(folder, cell) == before:
            return end(
                "failed", f"stage {stage} alone takes longer than the job may run; raise --time"
            )
        return end("stopped", "the time limit came near")
    except StageError as error:
        return end("failed", str(error))
    except OSError as error:
        return end("failed", f"{error.filename or 'a file'}: {error.strerror or error}")
    except Exception as error:
        end("failed", f"{type(error).__name__}: {error} (a bug; the log has more)")
        raise
    if outcome.error:
        return end("failed", outcome.error)
    copy_locks(Path(), folder.locks_of(cell))
    return end("done")


def _work(study: Study, cell: str) -> Work:
    """All stages of a cell but those that join cells, of a suite: a report is made where it is
    read."""
    (every,) = work(study, [cell], {*cell_targets(study, [cell])})
    joining = {name for name, stage in stages().items() if stage.per == "grid"}

    def kept(targets: list[str]) -> list[str]:
        return [t for t in targets if t.rpartition(":")[2].partition("@")[0] not in joining]

    return Work(cell, kept(every.result), kept(every.rest))


def look(folder: RunFolder) -> None:
    """Say what this machine is like, for `preflight.check_node`."""
    node = os.environ.get(NODE, "")
    scratch = str(Path.cwd().parent)
    free = shutil.disk_usage(scratch).free
    content = {"node": node, "packages": installed(), "free": free, "scratch": scratch}
    write(folder.probe_of(node), json.dumps(content).encode())


def _finished(folder: RunFolder, cell: str) -> dict[str, int]:
    """The stages of a cell that have ended on any machine, and when."""
    return {path.name: path.stat().st_mtime_ns for path in folder.times.glob(f"*@{cell}.json")}


def _set_up(folder: RunFolder, study: Study, corpora: list[str]) -> None:
    """Link this clone to the shared folder, write what follows from params.yaml, and check out what
    comes before all cells.

    DVC's own databases stay in the clone: SQLite does not work on network file systems.
    """
    shared = folder.shared
    plan.update(study)
    for key, value in (("cache.dir", str(shared.cache)), ("cache.type", "symlink")):
        _dvc("config", "--local", key, value)
    SCRATCH.mkdir(exist_ok=True)
    links = {TRAINING_STATES: shared.states, status.FOLDER: folder.status}
    for link, target in (links | {SCRATCH / "times": folder.times}).items():
        link.symlink_to(target)
    copy_locks(folder.given, Path())
    _dvc("checkout", "--quiet", *corpora)


def _dvc(*arguments: str) -> None:
    done = run([*DVC, *arguments], capture_output=True, text=True, errors="replace")
    if done.returncode:
        said = " ".join(done.stderr.split())
        raise StageError(f"dvc {arguments[0]}: {said}; `make study ON=…` hands it over anew")
