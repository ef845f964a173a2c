"""Run the stages that are out of date: the whole study at once, or several cells side by side."""

import os
import signal
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from tqdm import tqdm

from induction.config.paths import SCRATCH
from induction.config.remedy import address
from induction.config.study import Study
from induction.pipeline import status
from induction.pipeline.declarations import stages
from induction.pipeline.environment import DVC, run, start
from induction.pipeline.layout import label
from induction.pipeline.progress import progress
from induction.tables.atomic import remove

LOGS = SCRATCH / "logs"
STOPPED = threading.Event()


@dataclass(frozen=True)
class Outcome:
    """How the stages of one cell ended; `error` is empty if they are all done."""

    cell: str
    seconds: float
    error: str


def targets(names: list[str], per: str) -> list[str]:
    """What DVC calls the stages that run per cell, or per corpus, of these instances."""
    return [
        address(label(stage.name, name))
        for name in names
        for stage in stages().values()
        if stage.per == per
    ]


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
    """On SIGTERM, which reaches this process alone: end what works for the cells, too.

    Not with SIGINT: processes that were started in the background ignore it.
    """
    STOPPED.set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.terminate()
    raise KeyboardInterrupt


def handle_termination() -> None:
    signal.signal(signal.SIGTERM, stop_children)


def longest_first(study: Study) -> list[str]:
    """So that no core idles at the end while one cell is still at work."""
    layers = {cell: study.models[each.model].n_layers for cell, each in study.every_cell.items()}
    return sorted(layers, key=lambda cell: (-layers[cell], cell))


def side_by_side(cells: list[str], jobs: int, share: bool) -> list[Outcome]:
    """Run the cells, `jobs` at a time; one that fails does not stop the others."""
    jobs = min(jobs, len(cells))
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    remove(LOGS)
    LOGS.mkdir(parents=True)
    for cell in cells:
        status.forget(cell)
    outcomes: list[Outcome] = []
    pool = ThreadPoolExecutor(jobs)
    try:
        running = {pool.submit(_run_cell, cell, threads, share) for cell in cells}
        with progress(None, f"{len(cells)} cells, {jobs} at a time", "cell", len(cells)) as bar:
            while running:
                done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    outcomes.append(future.result())
                    _announce(outcomes[-1], bar)
                # Into a log, the bar itself comes every half minute and a cell's end at once.
                ended = {outcome.cell for outcome in outcomes}
                bar.set_postfix_str(_running(cells, ended), refresh=sys.stderr.isatty())
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
    lines += [f"  {each.cell}: {each.error} (its log: {log_of(each.cell)})" for each in failed]
    return "\n".join(lines)


def _run_cell(cell: str, threads: int, share: bool) -> Outcome:
    """All stages of one cell, in processes of their own; what they print goes to its log."""
    if STOPPED.is_set():
        return Outcome(cell, 0.0, "not begun")
    begin = time.monotonic()
    command = repro("--single-item", *targets([cell], "cell"), share=share)
    # The number of threads changes no bit of the results: see induction/models/workers.py.
    variables = {"OMP_NUM_THREADS": str(threads)}
    with open(log_of(cell), "w", encoding="utf-8") as file:
        code = run(command, variables, stdout=file, stderr=file).returncode
    last = status.read(cell)
    error = "" if code == 0 else (last and last.error) or f"stopped with status {code}"
    return Outcome(cell, time.monotonic() - begin, error)


def _announce(outcome: Outcome, bar: tqdm) -> None:
    end = f"FAILED: {outcome.error}" if outcome.error else "done"
    tqdm.write(f"{outcome.cell}: {end} ({outcome.seconds:.0f} s)", file=sys.stderr)
    bar.update()


def _running(cells: list[str], ended: set[str]) -> str:
    """The stage that each cell is at."""
    current = {cell: status.read(cell) for cell in cells if cell not in ended}
    return ", ".join(label(each.stage, cell) for cell, each in current.items() if each)
