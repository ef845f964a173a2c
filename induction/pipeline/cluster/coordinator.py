"""A study on a cluster, seen from the clone that began it: submit, watch, join."""

import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from induction.config.errors import StageError
from induction.config.paths import SCRATCH
from induction.config.study import Study
from induction.pipeline import pending
from induction.pipeline.cluster import preflight
from induction.pipeline.cluster.handing_over import hand_over
from induction.pipeline.cluster.shared_folder import RunFolder, SharedFolder
from induction.pipeline.costs import Work as Cost
from induction.pipeline.dvc_lock import hashes, read_locks
from induction.pipeline.engines.cluster import Cluster
from induction.pipeline.engines.engine import Away, Outcome, watch
from induction.pipeline.engines.registry import SCHEDULERS
from induction.pipeline.estimate import work_left
from induction.pipeline.work import MISSING, Work, cell_targets
from induction.tables.atomic import write

CURRENT = SCRATCH / "cluster.json"  # the run that this clone began last
PAUSE = 3.0  # seconds between two questions to the scheduler


@dataclass(frozen=True)
class Order:
    """Where and how a study is to run; `python` is this project's on the machines."""

    engine: str
    shared: str
    python: str
    at_once: int
    pack: int
    options: list[str]

    @property
    def shared_folder(self) -> SharedFolder:
        return SharedFolder(Path(self.shared))


def open_engine(order: Order, folder: RunFolder) -> Cluster:
    scheduler = SCHEDULERS[order.engine]()
    return Cluster(folder, scheduler, order.at_once, order.pack, order.options)


def current() -> Cluster:
    """The run that this clone began last. Raises StageError if there is none."""
    try:
        content = json.loads(CURRENT.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(
            "found no run on a cluster that began in this folder, expected one; begin it with "
            "`make study ON=slurm SHARED=…`"
        ) from None
    return open_engine(Order(**content["order"]), RunFolder(Path(content["folder"])))


def only_missing(said: list, locked: dict, shared: SharedFolder) -> bool:
    """Whether all that DVC says of a stage is that files are not here, which the shared folder
    has."""
    for entry in said:  # a change of the command is a text, one of params lies a level deeper
        changes = entry.values() if isinstance(entry, dict) else [entry]
        if not all(
            isinstance(each, dict) and {*map(str, each.values())} == {MISSING} for each in changes
        ):
            return False
    md5s = [*hashes(locked, "outs").values(), *hashes(locked, "deps").values()]
    return all((shared.cache / "files" / "md5" / each[:2] / each[2:]).exists() for each in md5s)


def check(order: Order) -> str:
    """What can be checked at once. Returns the commit that is to be run; raises StageError if it
    cannot be."""
    commit = preflight.clean_commit()
    preflight.check_shared(order.shared_folder)
    SCHEDULERS[order.engine]().test(order.options)
    return commit


def run(
    order: Order,
    commit: str,
    study: Study,
    works: Sequence[Work],
    stale: set[str],
    before: list[str],
) -> tuple[list[Outcome], Cluster]:
    """Have the cells of `works` run where they do not run already, and watch them to their end.

    On Ctrl-C, raises KeyboardInterrupt; what runs goes on. Raises StageError before anything is
    queued if it cannot go well.
    """
    locked = read_locks()
    made = [hashes(locked[name.rpartition(":")[2]], "outs") for name in before]
    digest = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()
    folder = order.shared_folder.run(commit, digest)
    preflight.create(folder)
    engine = open_engine(order, folder)
    content = {"order": asdict(order), "folder": str(folder.folder)}
    write(CURRENT, json.dumps(content, indent=2).encode())
    known = engine.states() if engine.jobs else {}
    alive = {cell for cell, state in known.items() if state.phase in ("queued", "running", "done")}
    new = [each for each in works if each.cell not in alive]
    if new:
        _prepare(order, folder, engine, commit, study, new, stale, before)
        engine.submit(new)
    attached = [each.cell for each in works if each.cell in alive]
    say = [f"{len(new)} cells submitted"] if new else []
    say += [f"attached to {len(attached)} that run already or are done"] if attached else []
    print(f"{order.engine}: {', '.join(say)}; `induction jobs` lists them", file=sys.stderr)
    outcomes = watch(engine, works, PAUSE, f"on {order.engine}")
    with suppress(Away):
        engine.cancel_stuck()
    return outcomes, engine


def detached() -> str:
    """What somebody who does not want to wait has to know."""
    engine = current()
    if not engine.jobs:
        return "stopped before anything was queued"
    cancel = engine.scheduler.cancel_command(engine.jobs)
    return (
        "detached: the jobs go on. `induction jobs` lists them, the same command attaches again, "
        f"`{cancel}` ends them"
    )


def _prepare(
    order: Order,
    folder: RunFolder,
    engine: Cluster,
    commit: str,
    study: Study,
    new: Sequence[Work],
    stale: set[str],
    before: list[str],
) -> None:
    """Check that all is well, and hand over what workers need."""
    cells = [each.cell for each in new]
    targets = cell_targets(study, cells)
    left = pending.left(study, stale, targets)
    costs, _ = work_left(study, left)
    preflight.check_space(folder, sum(each.written for each in costs))
    to_run = {stage.address for stage in left}
    hand_over(folder, commit, order.python, before, [t for t in targets if t not in to_run])
    preflight.check_node(folder, engine.scheduler, order.options, _largest(costs))


def _largest(costs: Sequence[Cost]) -> float:
    """Bytes of the largest output, which lies on a node's own disk until DVC has it."""
    return max((each.written for each in costs), default=0.0)
