"""Cells on this machine, in this folder: one after the other, or several side by side.

Of each cell, what its result needs comes first, and the result is told before the rest begins.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil

from induction.config.paths import SCRATCH
from induction.pipeline import status
from induction.pipeline.engines.engine import Outcome, State
from induction.pipeline.environment import run, start
from induction.pipeline.progress import say
from induction.pipeline.sharing import REMOTE, repro
from induction.pipeline.work import Work
from induction.tables.atomic import remove

LOGS = SCRATCH / "logs"
STOPPED = threading.Event()
ENDING = 60.0  # seconds for a step of training, and its state, until all has to have ended
Describe = Callable[[str, float], str]  # the result of a cell in a line, given its seconds so far


def call(command: list[str]) -> int:
    """Run a command in this terminal; after Ctrl-C, which it gets too, wait for its end."""
    with start(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def stop_children(*_: object) -> None:
    """On SIGTERM, which reaches this process alone: end what works for the cells, too, and wait
    until it has, as training keeps what it has done first.

    Not with SIGINT: processes that were started in the background ignore it.
    """
    STOPPED.set()
    children = psutil.Process().children(recursive=True)
    for child in children:
        with suppress(psutil.Error):
            child.terminate()
    end = time.monotonic() + ENDING
    while any(map(_is_at_work, children)) and time.monotonic() < end:
        time.sleep(0.05)
    raise KeyboardInterrupt


def _is_at_work(process: psutil.Process) -> bool:
    """Whether it has not ended. Not by waiting for it, which whoever started it does."""
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def handle_termination() -> None:
    signal.signal(signal.SIGTERM, stop_children)


def one_by_one(cells: Sequence[Work], share: bool, describe: Describe) -> list[Outcome]:
    """Run the cells, in this terminal; one that fails does not stop the others."""
    _begin(cells)

    def tell(cell: str, seconds: float) -> None:
        say(describe(cell, seconds))

    return [_run_cell(each, call, share, tell) for each in cells]


class Local:
    """`jobs` cells at a time; what they print goes to a log each."""

    def __init__(self, jobs: int, share: bool, describe: Describe):
        self._share, self._describe = share, describe
        # The number of threads changes no bit of the results: see induction/models/workers.py.
        self._threads = str(max(1, len(os.sched_getaffinity(0)) // jobs))
        self._pool = ThreadPoolExecutor(jobs)
        self._futures: dict[str, Future[Outcome]] = {}
        self._results: dict[str, str] = {}

    def submit(self, cells: Sequence[Work]) -> None:
        _begin(cells)
        for each in cells:
            self._futures[each.cell] = self._pool.submit(self._run_logged, each)

    def states(self) -> dict[str, State]:
        return {cell: self._state(cell, future) for cell, future in self._futures.items()}

    def cancel(self) -> None:
        """Wait for what runs, which Ctrl-C and SIGTERM reach without us."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def log(self, cell: str) -> Path:
        return LOGS / f"{cell}.log"

    def _state(self, cell: str, future: Future[Outcome]) -> State:
        result = self._results.get(cell, "")
        if future.done():
            outcome = future.result()
            phase = "failed" if outcome.error else "done"
            return State(phase, outcome.error, seconds=outcome.seconds, result=result)
        if not future.running():
            return State("queued")
        current = status.read(cell)
        return State("running", current.stage if current else "", result=result)

    def _run_logged(self, each: Work) -> Outcome:
        def tell(cell: str, seconds: float) -> None:
            self._results[cell] = self._describe(cell, seconds)

        with open(self.log(each.cell), "w", encoding="utf-8") as file:
            variables = {"OMP_NUM_THREADS": self._threads}
            return _run_cell(
                each,
                lambda command: run(command, variables, stdout=file, stderr=file).returncode,
                self._share,
                tell,
            )


def _begin(cells: Sequence[Work]) -> None:
    """Forget what is known of the last time that these cells ran."""
    remove(LOGS)
    LOGS.mkdir(parents=True)
    for each in cells:
        status.forget(each.cell)


def _run_cell(
    each: Work, execute: Callable[[list[str]], int], share: bool, tell: Callable[[str, float], None]
) -> Outcome:
    """All stages of one cell; its result is told as soon as it is there."""
    begin, code = time.monotonic(), 0
    for asked in (each.result, each.rest):
        if STOPPED.is_set():
            return Outcome(each.cell, time.monotonic() - begin, "stopped")
        if asked and code == 0:
            code = (
                REMOTE.run_each(asked, execute, STOPPED.is_set)
                if share
                else execute(repro("--single-item", *asked))
            )
        if asked is each.result and asked and code == 0:
            tell(each.cell, time.monotonic() - begin)
    return Outcome(each.cell, time.monotonic() - begin, _error(each.cell, code) if code else "")


def _error(cell: str, code: int) -> str:
    """Why the stage that ran last failed."""
    last = status.read(cell)
    if last is None:
        return f"stopped with status {code}"
    if last.ended:
        return f"DVC could not keep what {last.stage} made: see what it said"
    return last.error or (
        f"{last.stage} ended without an error of its own, as when the system ends what takes too "
        "much memory"
    )
