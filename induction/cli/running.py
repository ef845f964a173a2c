"""One run of the study: what is out of date, here or on a cluster, and then what joins cells."""

import json
import sys
import time
from dataclasses import dataclass

from induction.config.errors import StageError
from induction.config.paths import SCRATCH
from induction.config.study import Study
from induction.pipeline import corpus_text, pending, plan
from induction.pipeline.cluster import coordinator
from induction.pipeline.cluster.coordinator import Order
from induction.pipeline.cluster.joining import fetch_tables, join
from induction.pipeline.declarations import stages
from induction.pipeline.dvc_lock import LOCK, read_locks
from induction.pipeline.engines.engine import Engine, Outcome, summary, watch
from induction.pipeline.engines.local import STOPPED, Local, call, one_by_one
from induction.pipeline.estimate import worth_saying
from induction.pipeline.recovery import forget_old_states, recover
from induction.pipeline.settings import read_published, read_study
from induction.pipeline.sharing import REMOTE, push, repro
from induction.pipeline.work import (
    Work,
    cell_targets,
    changes,
    corpus_targets,
    in_order,
    outdated,
    work,
)
from induction.report import cost, overview, results

GO_ON = "run the same command again: it goes on from there"


@dataclass(frozen=True)
class Request:
    """`jobs` cells at a time here, or on a cluster as `order` says; the cells `first` before all
    others, or the cells `names` alone, without what joins cells; with the `published` run; what
    others have computed is taken from the DVC remote, and given to it, with `share`."""

    jobs: int
    first: list[str]
    names: list[str]
    published: bool
    share: bool
    order: Order | None


def bring_up_to_date(request: Request) -> int:
    """Run what was asked for and is out of date. Returns the exit status."""
    first, names, order, share = request.first, request.names, request.order, request.share
    start = time.monotonic()
    recover()
    study = read_published() if request.published else read_study()
    plan.update(study)
    _check("--cells", names, [*study.every_cell])
    cells = names or [*(study.every_cell if request.published else study.cells)]
    _check("--first", first, cells)
    cells = in_order(study, cells, [*first, *names], order.at_once if order else request.jobs)
    commit = coordinator.check(order) if order else ""
    corpora = sorted({study.every_cell[cell].corpus_instance for cell in cells})
    corpus_text.check(study, cells)
    before_cells = ["plan", *corpus_targets(corpora)]
    files = pending.everything(study, request.published)
    asked = [*before_cells, *cell_targets(study, cells)] if names else files
    code, stale = 0, _stale(asked, order)
    # What others have computed costs nothing, and is not known before it is there.
    if not share and not order:
        _announce(study, pending.left(study, stale, asked))
    if share:  # a run that was lost may have computed more than it could push
        done = {*before_cells, *cell_targets(study, cells)} - stale
        code = REMOTE.give(sorted(done))
    if code == 0 and stale & {*before_cells}:
        code = (
            REMOTE.run_each(before_cells, call, STOPPED.is_set)
            if share
            else call(repro(*before_cells))
        )
        stale = _stale(asked, order) if code == 0 else set()
    works = work(study, cells, stale) if code == 0 else []
    if order:
        if code == 0 and stale:
            code = _run_on_cluster(works, cells, study, order, commit, stale, before_cells)
    else:
        code = _run_here(works, study, request.jobs, share) or code
    if code == 0 and stale and not names:
        is_shared = share and not REMOTE.is_left_alone
        all_of = repro("--keep-going", *files, share=is_shared)
        code = call(_joining(study, files) if order else all_of)
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
        print(overview.everything(request.published, study))
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


def _joining(study: Study, files: list[str]) -> list[str]:
    """What joins cells whose checkpoints are elsewhere; nothing that is part of a cell."""
    joins = [
        stage.address
        for stage in plan.expanded(study)
        if stages()[stage.name].per == "grid" and str(stage.file) in files
    ]
    return repro("--keep-going", "--allow-missing", "--single-item", *joins)


def _stale(asked: list[str], order: Order | None) -> set[str]:
    """The stages that are out of date; on a cluster, what cells made need not be here if the shared
    folder has it."""
    if order is None:
        return outdated(asked)
    of_cells = {name for name, stage in stages().items() if stage.is_of_cell}
    locked = read_locks() if LOCK.exists() else {}
    return {
        name
        for name, said in changes(asked).items()
        if name.rpartition(":")[2].partition("@")[0] not in of_cells
        or not coordinator.only_missing(
            said, locked.get(name.rpartition(":")[2], {}), order.shared_folder
        )
    }


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


def _run_here(works: list[Work], study: Study, jobs: int, share: bool) -> int:
    """The cells on this machine. Returns the exit status."""

    def describe(cell: str, seconds: float) -> str:
        return results.line(cell, study, seconds)

    local = Local(jobs, share, describe)
    if jobs == 1 or len(works) < 2:
        return _tell(one_by_one(works, share, describe), local)
    try:
        local.submit(works)
        return _tell(watch(local, works, 1.0, f"{jobs} at a time"), local)
    finally:
        local.cancel()


def _run_on_cluster(
    works: list[Work],
    cells: list[str],
    study: Study,
    order: Order,
    commit: str,
    stale: set[str],
    before: list[str],
) -> int:
    """The cells of `works` on a cluster, and the small tables of all cells here. Returns the exit
    status."""
    code, failed = 0, set()
    if works:
        try:
            outcomes, engine = coordinator.run(order, commit, study, works, stale, before)
        except KeyboardInterrupt:
            print(f"\n{coordinator.detached()}", file=sys.stderr)
            sys.exit(130)
        code = _tell(outcomes, engine)
        failed = {each.cell for each in outcomes if each.error}
        join(engine.folder, [each.cell for each in outcomes if not each.error])
    here = [cell for cell in cells if cell not in failed]
    return fetch_tables(order.shared_folder, study, here) or code


def _tell(outcomes: list[Outcome], engine: Engine) -> int:
    """Say what failed, if anything did. Returns the exit status."""
    failures = summary(outcomes, engine.log)
    if failures:
        print(failures, file=sys.stderr)
    return 1 if failures else 0
