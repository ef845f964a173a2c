"""Put together what the workers of a run made, without fetching a checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from induction.config.errors import StageError
from induction.config.paths import SCRATCH
from induction.config.remedy import address
from induction.config.study import Study
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.cluster.handing_over import REMOTE, add_remote
from induction.pipeline.cluster.shared_folder import RunFolder, SharedFolder
from induction.pipeline.declarations import stages, writer_of
from induction.pipeline.dvc_lock import LOCKS, hashes, params_of, read_lock
from induction.pipeline.engines.local import call
from induction.pipeline.environment import DVC
from induction.pipeline.layout import label
from induction.pipeline.work import stages_of
from induction.tables.atomic import remove, write

TIMES = SCRATCH / "times"


def join(folder: RunFolder, cells: Sequence[str]) -> None:
    """Take the stages of these cells from the locks of their workers into ours, and how long they
    took; what is here of an earlier version of them is removed.

    Raises StageError, before anything is changed, if two workers have different answers for the
    same stage.
    """
    ours = {lock: read_lock(lock) if lock.exists() else {} for lock in LOCKS}
    answers: dict[str, tuple[str, dict]] = {}
    outdated: list[Path] = []
    for lock in ours:
        for cell in cells:
            path = folder.locks_of(cell) / lock
            for name, locked in (read_lock(path) if path.exists() else {}).items():
                _compare(name, answers.setdefault(name, (cell, locked)), (cell, locked))
                if name.partition("@")[2] == cell and ours[lock].get(name) != locked:
                    outdated += map(Path, hashes(locked, "outs"))
                    ours[lock][name] = locked
    for path in outdated:
        remove(path)
    for cell in cells:
        for path in folder.times.glob(f"*@{cell}.json"):
            TIMES.mkdir(parents=True, exist_ok=True)
            write(TIMES / path.name, path.read_bytes())
    for lock, locked in ours.items():
        if locked:
            text = yaml.safe_dump({"schema": "2.0", "stages": locked}, sort_keys=False, width=10**6)
            write(lock, text.encode())


def fetch_tables(shared: SharedFolder, study: Study, cells: Sequence[str]) -> int:
    """Fetch the tables that join cells from the shared folder. Returns the status of `dvc pull`."""
    add_remote(shared)
    targets = tables_that_join(study, cells)
    return call([*DVC, "pull", "--quiet", "--remote", REMOTE, *targets]) if targets else 0


def tables_that_join(study: Study, cells: Sequence[str]) -> list[str]:
    """What DVC calls the stages of these cells whose tables a report reads.

    Whole stages: of a folder of which one file is missing, DVC refuses to check out the others.
    """
    read = {
        writer_of(artifact).name
        for stage in stages().values()
        if stage.per == "grid"
        for artifact in stage.artifacts_read
        if artifact != CHECKPOINTS
    }
    return [
        address(label(name, cell))
        for cell in cells
        for name in stages_of(study, cell)
        if name in read
    ]


def _compare(name: str, first: tuple[str, dict], second: tuple[str, dict]) -> None:
    (cell, one), (other, two) = first, second
    same_question = (
        one["cmd"] == two["cmd"]
        and hashes(one, "deps") == hashes(two, "deps")
        and params_of(one) == params_of(two)
    )
    if same_question and hashes(one, "outs") != hashes(two, "outs"):
        differ = sorted(k for k, v in hashes(one, "outs").items() if hashes(two, "outs")[k] != v)
        raise StageError(
            f"stage {name}: found two answers, of the workers for {cell} and for {other}, which "
            f"differ in {', '.join(differ)}, expected one; machines differ: run "
            "both cells on the same kind (--constraint in SLURM), after removing their records"
        )
