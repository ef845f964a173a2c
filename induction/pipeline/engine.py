"""Run the stages of cells that are out of date: one cell after the other, or several side by side.

Of each cell, what its result needs comes first, and the result is told before the rest begins.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from tqdm import tqdm

from induction.config.errors import StageError
from induction.config.paths import SCRATCH
from induction.config.remedy import address
from induction.config.study import Study
from induction.pipeline import status
from induction.pipeline.artifacts import Artifact
from induction.pipeline.declarations import stages, writer_of
from induction.pipeline.environment import DVC, run, start
from induction.pipeline.layout import label
from induction.pipeline.progress import progress, say
from induction.tables.atomic import remove
from induction.tables.heads import HEADS
from induction.tables.icl import ICL

LOGS = SCRATCH / "logs"
STOPPED = threading.Event()
ENDING = 60.0  # seconds for a step of training, and its state, until all has to have ended
RESULT = (ICL, HEADS)  # the tables that tell the result of a cell


@dataclass(frozen=True)
class Work:
    """The stages of a cell that DVC has to look at: those of its result, then the others.

    `result` is empty if the result is there and up to date.
    """

    cell: str
    result: list[str]
    rest: list[str]


@dataclass(frozen=True)
class Outcome:
    """How the stages of one cell ended; `error` is empty if they are all done."""

    cell: str
    seconds: float
    error: str


def corpus_targets(corpora: list[str]) -> list[str]:
    """What DVC calls the stages that make these corpora."""
    return [
        address(label(stage.name, name))
        for name in corpora
        for stage in stages().values()
        if stage.per == "corpus"
    ]


def cell_targets(study: Study, cells: list[str]) -> list[str]:
    """What DVC calls the stages of these cells."""
    return [address(label(name, cell)) for cell in cells for name in _stages_of(study, cell)]


def repro(*arguments: str, share: bool) -> list[str]:
    """`dvc repro`, beside other runs of it: it waits for DVC's lock, held only between stages."""
    return [*DVC, "--wait-for-lock", "repro", *(["--pull"] if share else []), *arguments]


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


def in_order(study: Study, cells: list[str], first: list[str], jobs: int) -> list[str]:
    """The cells `first` as they were named, then the others of `cells`.

    One after the other they follow params.yaml; side by side those with most layers come first, so
    that no core idles at the end while one cell is still at work.
    """
    others = [cell for cell in cells if cell not in first]
    if jobs > 1:
        others.sort(key=lambda cell: -_layers(study, cell))
    return [*dict.fromkeys(first), *others]


def _layers(study: Study, cell: str) -> int:
    """Of a suite they are not known yet; it takes longer than most."""
    name = study.every_cell[cell].model
    return study.models[name].n_layers if name else sys.maxsize


def outdated(asked: list[str]) -> set[str]:
    """Which of the stages asked for DVC would run, by its names; a dvc.yaml stands for all of its.

    Those that depend on them, and would run if these change, come on top.
    """
    done = run([*DVC, "--wait-for-lock", "status", "--json", *asked], capture_output=True)
    try:
        return set(json.loads(done.stdout))
    except ValueError:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise StageError(
            f"dvc status: found no answer, it said {said[-1]!r}; run `dvc status` to see more"
        ) from None


def work(study: Study, cells: list[str], stale: set[str]) -> list[Work]:
    """What is to be done for the cells, given the stages that are out of date themselves."""
    result = set().union(*map(_needed_for, RESULT))
    works = []
    for cell in cells:
        names = {name: address(label(name, cell)) for name in _stages_of(study, cell)}
        # What is fetched of a suite stands in for what is trained.
        in_result = {name for name in names if name in result or stages()[name].per == "suite"}
        first = [each for name, each in names.items() if name in in_result]
        rest = [each for name, each in names.items() if name not in in_result]
        if stale & {*first, *rest}:
            works.append(Work(cell, first if stale & {*first} else [], rest))
    return works


def one_by_one(
    cells: list[Work], share: bool, describe: Callable[[str, float], str]
) -> list[Outcome]:
    """Run the cells, in this terminal; one that fails does not stop the others.

    `describe` says the result of a cell, given the seconds it took.
    """
    _begin(cells)
    return [_run_cell(each, call, share, describe) for each in cells]


def side_by_side(
    cells: list[Work], jobs: int, share: bool, describe: Callable[[str, float], str]
) -> list[Outcome]:
    """The same, `jobs` cells at a time; what they print goes to a log each."""
    jobs = min(jobs, len(cells))
    # The number of threads changes no bit of the results: see induction/models/workers.py.
    variables = {"OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // jobs))}
    _begin(cells)

    def run_logged(each: Work) -> Outcome:
        with open(log_of(each.cell), "w", encoding="utf-8") as file:
            return _run_cell(
                each,
                lambda command: run(command, variables, stdout=file, stderr=file).returncode,
                share,
                describe,
            )

    outcomes: list[Outcome] = []
    pool = ThreadPoolExecutor(jobs)
    try:
        running = {pool.submit(run_logged, each) for each in cells}
        with progress(None, f"{len(cells)} cells, {jobs} at a time", "cell", len(cells)) as bar:
            while running:
                done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    outcomes.append(future.result())
                    _announce(outcomes[-1], bar)
                # Into a log, the bar itself comes every half minute and a cell's end at once.
                ended = {outcome.cell for outcome in outcomes}
                going = [each.cell for each in cells if each.cell not in ended]
                bar.set_postfix_str(_running(going), refresh=sys.stderr.isatty())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return outcomes


def log_of(cell: str) -> Path:
    return LOGS / f"{cell}.log"


def summary(outcomes: list[Outcome]) -> str:
    """What failed, and why; empty if nothing did."""
    failed = [outcome for outcome in outcomes if outcome.error]
    if not failed:
        return ""
    lines = [f"{len(failed)} of {len(outcomes)} cells failed; what the others made is kept:"]
    for each in failed:
        log = log_of(each.cell)
        lines.append(f"  {each.cell}: {each.error}{f' (its log: {log})' if log.exists() else ''}")
    return "\n".join(lines)


def _stages_of(study: Study, cell: str) -> list[str]:
    """The stages that run for a cell, from the first; a suite has a report of its own."""
    kinds = ("cell", "suite", "grid") if study.every_cell[cell].suite else ("cell", "trained")
    return [stage.name for stage in stages().values() if stage.per in kinds]


def _needed_for(artifact: Artifact) -> set[str]:
    """The stages that make an artifact, from the first."""
    stage = writer_of(artifact)
    return {stage.name}.union(*map(_needed_for, stage.artifacts_read))


def _begin(cells: list[Work]) -> None:
    """Forget what is known of the last time that these cells ran."""
    remove(LOGS)
    LOGS.mkdir(parents=True)
    for each in cells:
        status.forget(each.cell)


def _run_cell(
    each: Work,
    execute: Callable[[list[str]], int],
    share: bool,
    describe: Callable[[str, float], str],
) -> Outcome:
    """All stages of one cell; its result is told as soon as it is there."""
    begin, code = time.monotonic(), 0
    for asked in (each.result, each.rest):
        if STOPPED.is_set():
            return Outcome(each.cell, time.monotonic() - begin, "stopped")
        if asked and code == 0:
            code = execute(repro("--single-item", *asked, share=share))
        if asked is each.result and asked and code == 0:
            say(describe(each.cell, time.monotonic() - begin))
    last = status.read(each.cell)
    error = "" if code == 0 else (last and last.error) or f"stopped with status {code}"
    return Outcome(each.cell, time.monotonic() - begin, error)


def _announce(outcome: Outcome, bar: tqdm) -> None:
    end = f"FAILED: {outcome.error}" if outcome.error else "done"
    tqdm.write(f"{outcome.cell}: {end} ({outcome.seconds:.0f} s)", file=sys.stderr)
    bar.update()


def _running(cells: list[str]) -> str:
    """The stage that each cell is at."""
    current = {cell: status.read(cell) for cell in cells}
    return ", ".join(label(each.stage, cell) for cell, each in current.items() if each)
