"""What runs cells: the seam between a study and the machines that it runs on."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tqdm import tqdm

from induction.pipeline.progress import progress, say
from induction.pipeline.work import Work

Phase = Literal["queued", "running", "done", "failed", "lost"]


@dataclass(frozen=True)
class State:
    """What is known of a cell.

    queued   waits for a machine; `says` why, where that is known
    running  at the stage in `says`
    done     all of its stages are
    failed   for the reason in `says`: it would fail again
    lost     its machine or its job is gone, for the reason in `says`: it is to be submitted again

    `result` is the line of its result, as soon as that is there; `node` where it runs or ran.
    """

    phase: Phase
    says: str = ""
    node: str = ""
    seconds: float = 0.0
    result: str = ""


@dataclass(frozen=True)
class Outcome:
    """How the stages of one cell ended; `error` is empty if they are all done."""

    cell: str
    seconds: float
    error: str


class Engine(Protocol):
    """Runs cells somewhere. docs/scale.md says what another one takes."""

    def submit(self, cells: Sequence[Work]) -> None:
        """Have these cells run as soon as there is room, the first ones first."""
        ...

    def states(self) -> dict[str, State]:
        """Of every cell that was submitted. Raises Away if whoever knows does not answer."""
        ...

    def cancel(self) -> None:
        """End what runs, and forget what waits."""
        ...

    def log(self, cell: str) -> Path:
        """Where what a cell prints can be read."""
        ...


class Away(Exception):
    """Whoever knows how the cells are does not answer; its text says what was asked, and when."""


def watch(engine: Engine, cells: Sequence[Work], pause: float, where: str) -> list[Outcome]:
    """Wait until all cells have ended, tell each result and each end, and submit again what was
    lost; `where` says on what they run."""
    outcomes: dict[str, Outcome] = {}
    results: set[str] = set()
    is_away = False
    wanted = {each.cell: each for each in cells}
    with progress(None, f"{len(cells)} cells, {where}", "cell", len(cells)) as bar:
        while len(outcomes) < len(wanted):
            try:
                states = engine.states()
            except Away as error:
                if not is_away:
                    tqdm.write(f"{error}; what runs goes on, asking again", file=sys.stderr)
                is_away = True
                time.sleep(pause)
                continue
            is_away = False
            _take(states, outcomes, results, bar, wanted)
            if lost := [cell for cell in wanted if states[cell].phase == "lost"]:
                for cell in lost:
                    tqdm.write(f"{cell}: {states[cell].says}; submitted again", file=sys.stderr)
                engine.submit([wanted[cell] for cell in lost])
            # Into a log, the bar itself comes every half minute and a cell's end at once.
            bar.set_postfix_str(_summary(states, wanted), refresh=sys.stderr.isatty())
            if len(outcomes) < len(wanted):
                time.sleep(pause)
    return [outcomes[cell] for cell in wanted]


def _take(
    states: dict[str, State],
    outcomes: dict[str, Outcome],
    results: set[str],
    bar: tqdm,
    wanted: dict[str, Work],
) -> None:
    """Tell what is new."""
    for cell in wanted:
        state = states[cell]
        if state.result and cell not in results:
            results.add(cell)
            say(state.result)
        if state.phase in ("done", "failed") and cell not in outcomes:
            error = state.says if state.phase == "failed" else ""
            outcomes[cell] = Outcome(cell, state.seconds, error)
            end = f"FAILED: {error}" if error else "done"
            tqdm.write(f"{cell}: {end} ({state.seconds:.0f} s)", file=sys.stderr)
            bar.update()


def _summary(states: dict[str, State], wanted: dict[str, Work]) -> str:
    """What runs, how many wait, and why the first of them does."""
    running = [f"{states[c].says}@{c}" for c in wanted if states[c].phase == "running"]
    queued = [states[cell].says for cell in wanted if states[cell].phase == "queued"]
    waiting = f"{len(queued)} wait{f' ({queued[0]})' if queued and queued[0] else ''}"
    shown = ", ".join(running[:4]) + (f" and {len(running) - 4} more" if running[4:] else "")
    return "; ".join(part for part in (shown, waiting if queued else "") if part)


def summary(outcomes: Sequence[Outcome], log: Callable[[str], Path]) -> str:
    """What failed, and why; empty if nothing did."""
    failed = [outcome for outcome in outcomes if outcome.error]
    if not failed:
        return ""
    lines = [f"{len(failed)} of {len(outcomes)} cells failed; what the others made is kept:"]
    for each in failed:
        path = log(each.cell)
        lines.append(f"  {each.cell}: {each.error}{f' (its log: {path})' if path.exists() else ''}")
    return "\n".join(lines)
