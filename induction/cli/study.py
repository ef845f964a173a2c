"""The study: every stage that params.yaml asks for and that is not there yet.

Whatever stops it, the same command goes on from there: training from its last state, anything
else from its last whole stage.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from tqdm import tqdm

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.params import Params
from induction.config.paths import SCRATCH
from induction.config.remedy import address
from induction.config.strict import ParamsError
from induction.config.study import Study
from induction.models import training_state
from induction.pipeline import plan
from induction.pipeline.cells import label
from induction.pipeline.locks import exclusive
from induction.pipeline.progress import progress
from induction.pipeline.recovery import heal
from induction.pipeline.settings import study_of
from induction.report import results
from induction.tables.atomic import (
    remove,
)

KEPT_DAYS = 14  # a training state that nobody took up for so long is removed
LOGS = SCRATCH / "logs"
GO_ON = "run the same command again: it goes on from there"
AGAIN = f"mend that and {GO_ON}"
STOPPED = threading.Event()


@dataclass(frozen=True)
class Outcome:
    """How the stages of one cell ended; `error` is empty if they are all done."""

    cell: str
    seconds: float
    error: str


def sweep() -> None:
    """Remove what a killed run left half-done. Raises StageError if a stage is at work."""
    for lock in sorted((SCRATCH / "locks").glob("*")):
        if lock.name != "study":
            with exclusive(lock.name):
                pass
    remove(SCRATCH / "partial")
    heal()


def forget() -> None:
    """Remove training states that grew old: after a run, which may have taken one up."""
    oldest = time.time() - KEPT_DAYS * 24 * 3600
    for folder in training_state.FOLDER.glob("*"):
        if folder.stat().st_mtime < oldest:
            remove(folder)


def longest_first(study: Study) -> list[str]:
    """So that no core idles at the end while one cell is still at work."""
    size = {cell: study.models[own.model].n_layers for cell, own in study.every_cell.items()}
    return sorted(size, key=lambda cell: (-size[cell], cell))


def repro(*arguments: str, share: bool) -> list[str]:
    """`dvc repro`, beside other runs of it: it waits for DVC's lock, held only between stages."""
    return ["dvc", "--wait-for-lock", "repro", *(["--pull"] if share else []), *arguments]


def call(command: list[str]) -> int:
    """Run a command in this terminal; after Ctrl-C, which it gets too, wait for its end."""
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def run_cell(cell: str, threads: int, share: bool) -> Outcome:
    """All stages of one cell, in processes of their own; what they say goes to its log."""
    if STOPPED.is_set():
        return Outcome(cell, 0.0, "not begun")
    start, log = time.monotonic(), log_of(cell)
    targets = [address(label(stage, cell)) for stage in plan.PER_CELL]
    # The number of threads changes no bit of the results: see induction/models/workers.py.
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with open(log, "w", encoding="utf-8") as file:
        code = subprocess.run(
            repro("--single-item", *targets, share=share),
            stdout=file,
            stderr=file,
            env=environment,
        ).returncode
    said = log.read_text(encoding="utf-8", errors="replace")
    errors = re.findall(r"^(?:error|ERROR): (.*)$", said, re.MULTILINE)
    error = "" if code == 0 else errors[0] if errors else f"stopped with status {code}"
    return Outcome(cell, time.monotonic() - start, error)


def log_of(cell: str) -> Path:
    return LOGS / f"{cell}.log"


def side_by_side(cells: list[str], jobs: int, share: bool) -> list[Outcome]:
    """Run the cells, `jobs` at a time; one that fails does not stop the others."""
    jobs = min(jobs, len(cells))
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    remove(LOGS)
    LOGS.mkdir(parents=True)
    outcomes: list[Outcome] = []
    pool = ThreadPoolExecutor(jobs)
    what = f"{len(cells)} cells, {jobs} at a time"
    try:
        running = {pool.submit(run_cell, cell, threads, share) for cell in cells}
        with progress(None, what, "cell", len(cells)) as bar:
            while running:
                done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    outcomes.append(future.result())
                    tell(outcomes[-1], bar)
                # Into a log, the bar itself comes every half minute and a cell's end at once.
                bar.set_postfix_str(now_running(cells, outcomes), refresh=sys.stderr.isatty())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return outcomes


def tell(outcome: Outcome, bar: tqdm) -> None:
    end = f"FAILED: {outcome.error}" if outcome.error else "done"
    tqdm.write(f"{outcome.cell}: {end} ({outcome.seconds:.0f} s)", file=sys.stderr)
    bar.update()


def now_running(cells: list[str], outcomes: list[Outcome]) -> str:
    """The stage that each cell is at, and its share done as far as its log tells."""
    over = {outcome.cell for outcome in outcomes}
    found = []
    for cell in cells:
        if cell in over or not log_of(cell).exists():
            continue
        said = log_of(cell).read_text(encoding="utf-8", errors="replace")
        stage = re.findall(r"Running stage '([^']+)'", said)
        share = re.findall(r"(\d+)%\|", said.rsplit("Running stage", 1)[-1])
        found.append(f"{stage[-1] if stage else cell}{f' {share[-1]} %' if share else ''}")
    return ", ".join(found)


def summary(outcomes: list[Outcome]) -> str:
    """What failed, why, and how to go on."""
    failed = [outcome for outcome in outcomes if outcome.error]
    lines = [f"{len(failed)} of {len(outcomes)} cells failed; what the others made is kept:"]
    lines += [f"  {own.cell}: {own.error} (its log: {log_of(own.cell)})" for own in failed]
    return "\n".join([*lines, AGAIN])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m induction.cli.study", description=__doc__)
    parser.add_argument(
        "--jobs", type=int, default=1, help="cells at a time; the cores are divided among them"
    )
    parser.add_argument(
        "--cells", nargs="+", default=[], help="only these, and nothing that joins all cells"
    )
    parser.add_argument(
        "--published", action="store_true", help="the published run, too: see params.yaml"
    )
    parser.add_argument(
        "--share",
        action="store_true",
        help="take from the DVC remote what others have computed, give it what is computed here",
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, stop)
    try:
        if given.jobs < 1:
            raise StageError(f"--jobs: found {given.jobs}, expected at least 1; correct it")
        with exclusive("study"):
            sys.exit(study(given.jobs, given.cells, given.published, given.share))
    except (ParamsError, StageError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print(f"\nstopped; {GO_ON}", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        sys.exit(
            f"error: {error.filename or 'a file'}: {error.strerror or error}; free space or give "
            f"write access, then {GO_ON}"
        )


def stop(*_: object) -> None:
    """On SIGTERM, which reaches this process alone: end what works for the cells, too.

    Not with SIGINT: processes that were started in the background ignore it.
    """
    STOPPED.set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.terminate()
    raise KeyboardInterrupt


def study(jobs: int, wanted: list[str], published: bool, share: bool) -> int:
    """Bring the study (and the published run), or the cells `wanted`, up to date.

    Returns the exit status.
    """
    start = time.monotonic()
    sweep()
    params = study_of(Params().all())
    plan.update(params)
    if published and not params.published:
        raise StageError(
            "params.yaml: published: found no cells, expected those that the published run adds; "
            "add some, or leave --published away"
        )
    grid = params.every_cell if published else params.cells
    cells = [cell for cell in longest_first(params) if cell in (wanted or grid)]
    unknown = sorted(set(wanted) - set(cells))
    if unknown:
        raise StageError(
            f"--cells: found {', '.join(unknown)}, expected some of "
            f"{', '.join(params.every_cell)}; correct it, or add the cell to params.yaml"
        )
    if jobs > 1 or wanted:
        used = sorted({params.every_cell[cell].corpus for cell in cells})
        corpora = [label("corpus", corpus) for corpus in used]
        code = call(repro(*map(address, corpora), share=share))
        if code:
            print(f"the corpus failed: see above; {AGAIN}", file=sys.stderr)
        outcomes = side_by_side(cells, jobs, share) if code == 0 else []
        if any(outcome.error for outcome in outcomes):
            print(summary(outcomes), file=sys.stderr)
            code = 1
    else:
        code = 0
    if code == 0 and not wanted:
        files = [str(path) for path in plan.files(params)][: 1 + published]
        code = call(repro("--keep-going", *files, share=share))
        if code:
            print(f"not everything ran: see above; {AGAIN}", file=sys.stderr)
    if share:
        # Also after a failure: what the other cells made is worth having.
        # Without the files of what comes before the cells, others would have to make them anew.
        own = [label(stage, cell) for cell in cells for stage in plan.PER_CELL]
        targets = [*map(address, ["params", *corpora, *own])] if wanted else []
        code = call(["dvc", "push", "--run-cache", *targets]) or code
    if code == 0 and not wanted:
        record = {"stage": "study", "seconds": time.monotonic() - start}
        (SCRATCH / "times").mkdir(parents=True, exist_ok=True)
        (SCRATCH / "times" / "study.json").write_text(json.dumps(record), encoding="utf-8")
        forget()
        print(results.overview(PUBLISHED if published else ""))
    return code


if __name__ == "__main__":
    main()
