"""Run the study: every stage that params.yaml asks for and that is out of date."""

import json
import sys
import time

import click

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import SCRATCH
from induction.config.remedy import put_right
from induction.config.study import Study
from induction.pipeline import corpus_text, engine, pending, plan
from induction.pipeline.disks import check_one_disk
from induction.pipeline.estimate import worth_saying
from induction.pipeline.locks import exclusive
from induction.pipeline.recovery import forget_old_states, recover
from induction.pipeline.repository import check_git
from induction.pipeline.settings import read_published, read_study
from induction.pipeline.sharing import REMOTE, push, repro
from induction.report import cost, results

GO_ON = "run the same command again: it goes on from there"


@click.command
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    help="Cells at a time; the cores are divided among them.",
)
@click.option(
    "--first",
    multiple=True,
    metavar="CELL",
    help="This cell before all others; may be given several times.",
)
@click.option(
    "--cells",
    "names",
    multiple=True,
    metavar="CELL",
    help="Only this cell, and nothing that joins cells; may be given several times.",
)
@click.option("--published", is_flag=True, help="The published run, too: see params.yaml.")
@click.option(
    "--share",
    is_flag=True,
    help="Take from the DVC remote what others have computed, and give it what is computed here.",
)
def command(
    jobs: int, first: tuple[str, ...], names: tuple[str, ...], published: bool, share: bool
) -> None:
    """Run the study: every stage that params.yaml asks for and that is out of date.

    The result of each cell is printed as soon as it is there, before what takes its model apart.
    Cells come in the order of params.yaml (with several jobs, those with most layers first).

    Whatever stops it, the same command goes on from there: training from its last state, anything
    else from its last whole stage.
    """
    engine.handle_termination()
    try:
        check_git()
        check_one_disk()
        with exclusive("study"):
            sys.exit(_run(jobs, list(first), list(names), published, share))
    except KeyboardInterrupt:
        print(f"\nstopped; {GO_ON}", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        raise StageError(
            f"{error.filename or 'a file'}: {error.strerror or error}; {put_right(error.errno)}, "
            f"then {GO_ON}"
        ) from None


def _run(jobs: int, first: list[str], names: list[str], published: bool, share: bool) -> int:
    """Bring the study (and the published run), or the cells `names`, up to date.

    Returns the exit status.
    """
    start = time.monotonic()
    recover()
    study = read_published() if published else read_study()
    plan.update(study)
    _check("--cells", names, [*study.every_cell])
    cells = names or [*(study.every_cell if published else study.cells)]
    _check("--first", first, cells)
    cells = engine.in_order(study, cells, [*first, *names], jobs)
    corpora = sorted({study.every_cell[cell].corpus_instance for cell in cells})
    corpus_text.check(study, cells)
    before_cells = ["plan", *engine.corpus_targets(corpora)]
    files = pending.everything(study, published)
    asked = [*before_cells, *engine.cell_targets(study, cells)] if names else files
    code, stale = 0, engine.outdated(asked)
    if not share:  # what others have computed costs nothing, and is not known before it is there
        _announce(study, pending.left(study, stale, asked))
    else:  # a run that was lost may have computed more than it could push
        done = {*before_cells, *engine.cell_targets(study, cells)} - stale
        code = REMOTE.give(sorted(done))
    if code == 0 and stale & {*before_cells}:
        code = (
            REMOTE.run_each(before_cells, engine.call, engine.STOPPED.is_set)
            if share
            else engine.call(repro(*before_cells, share=False))
        )
        stale = engine.outdated(asked) if code == 0 else set()
    outcomes = _run_cells(engine.work(study, cells, stale), study, jobs, share) if code == 0 else []
    if failures := engine.summary(outcomes):
        print(failures, file=sys.stderr)
        code = 1
    if code == 0 and stale and not names:
        code = engine.call(repro("--keep-going", *files, share=share and not REMOTE.is_left_alone))
    if code:
        print(f"not everything ran: see above; mend that and {GO_ON}", file=sys.stderr)
    if share:
        # Also after a failure: what the other cells made is worth having.
        # Without the files of what comes before the cells, others would have to make them anew.
        code = _push(asked if names else []) or code
    if code == 0 and not names:
        record = {"stage": "study", "seconds": time.monotonic() - start}
        (SCRATCH / "times").mkdir(parents=True, exist_ok=True)
        (SCRATCH / "times" / "study.json").write_text(json.dumps(record), encoding="utf-8")
        forget_old_states()
        print(results.overview(PUBLISHED if published else "", study))
    return code


def _push(targets: list[str]) -> int:
    """Give to the remote what it lacks; returns the exit status."""
    code, problem = push(targets)
    if code:
        print(
            f"error: not everything could be pushed: {problem}; what was computed is kept here. "
            f"Put the remote right (docs/sharing.md) and {GO_ON}",
            file=sys.stderr,
        )
    return code


def _announce(study: Study, left: list[plan.Expanded]) -> None:
    """Say what is to be done, if that is more than a minute's work."""
    if forecast := worth_saying(study, left):
        print(f"{cost.total(forecast)}: `induction cost` says of what", file=sys.stderr)


def _check(option: str, names: list[str], expected: list[str]) -> None:
    """Raise StageError for names of cells that are none of those expected."""
    if unknown := sorted(set(names) - set(expected)):
        raise StageError(
            f"{option}: found {', '.join(unknown)}, expected some of {', '.join(expected)}; "
            "correct it, or add the cell to params.yaml"
        )


def _run_cells(
    cells: list[engine.Work], study: Study, jobs: int, share: bool
) -> list[engine.Outcome]:
    def describe(cell: str, seconds: float) -> str:
        return results.line(cell, study, seconds)

    if jobs > 1 and cells:
        return engine.side_by_side(cells, jobs, share, describe)
    return engine.one_by_one(cells, share, describe)
