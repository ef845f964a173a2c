"""What has to hold before anything is queued on a cluster."""

import json
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from induction.config.errors import StageError
from induction.pipeline.cluster.packages import differences
from induction.pipeline.cluster.scheduler import Scheduler, Submission
from induction.pipeline.cluster.shared_folder import RunFolder, SharedFolder
from induction.pipeline.dvc_lock import LOCKS
from induction.pipeline.engines.engine import Away
from induction.pipeline.environment import run

CHECK = "@check"  # in place of a cell: the worker says what its machine is like
MINUTES = 5  # that this may take
CODE = ("induction", "stages")


def clean_commit() -> str:
    """The commit that is checked out. Raises StageError if there is none, or files differ from it
    about which it decides: machines clone it, and would compute something else."""
    done = run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    if done.returncode:
        raise StageError("git: found no commit, expected one, which machines clone; commit all")
    changed = _git_status()
    if changed:
        raise StageError(
            f"{', '.join(changed[:5])}{' …' if changed[5:] else ''}: found changes, expected those "
            "of a commit, which machines clone; commit them (`git commit --all`), or undo them"
        )
    return done.stdout.strip()


def _git_status() -> list[str]:
    """Files that differ from the commit and decide about what a machine computes."""
    done = run(["git", "status", "--porcelain", "-z"], capture_output=True, text=True, check=True)
    # dvc.yaml follows from params.yaml, and a worker writes it anew.
    written = (*map(str, LOCKS), *(str(lock.with_suffix(".yaml")) for lock in LOCKS), "reports/")
    paths = []
    for entry in done.stdout.split("\0"):
        state, path = entry[:2], entry[3:]
        if not path or path.startswith(written):
            continue
        if state != "??" or path.startswith(tuple(f"{name}/" for name in CODE)):
            paths.append(path)
    return paths


def check_shared(shared: SharedFolder) -> None:
    """Raises StageError, with the remedy, if there is no such folder."""
    if not shared.root.is_dir():
        raise StageError(
            f"SHARED: found no folder {shared.root}, expected one that all nodes see; create it, "
            "or correct SHARED"
        )


def create(folder: RunFolder) -> None:
    """Raises StageError, with the remedy, if the shared folder cannot be written."""
    try:
        folder.create()
    except OSError as error:
        raise StageError(
            f"SHARED: {error.filename}: {error.strerror}, expected a folder that can be written; "
            "correct SHARED, or what may be written there"
        ) from None


def check_space(folder: RunFolder, needed: float) -> None:
    """Raises StageError if the shared folder has less free than `needed` bytes."""
    free = shutil.disk_usage(folder.shared.root).free
    if free < needed:
        raise StageError(
            f"SHARED: {folder.shared.root}: found {free / 1e9:,.1f} GB free, expected "
            f"{needed / 1e9:,.1f} GB (see `induction cost`); free space, or keep fewer checkpoints"
        )


def check_node(
    folder: RunFolder, scheduler: Scheduler, options: Sequence[str], needed: float
) -> None:
    """Have a short job look at a node. Raises StageError if it does not see the shared folder, has
    other packages, or has less free than `needed` bytes on its own disk."""
    for probe in (folder.folder / "probes").iterdir():
        probe.unlink()
    name = f"induction-check-{folder.folder.name}"
    logs = folder.folder / "logs"
    command = ["bash", str(folder.script), str(folder.folder), CHECK]
    folder.log_of(CHECK).unlink(missing_ok=True)
    # The last of two options of a name counts.
    job = scheduler.submit(Submission(name, [command], 1, [*options, f"--time={MINUTES}"], logs))
    probe, node = _wait(folder, scheduler, name, job)
    if probe is None:
        log = next(
            (p for p in (folder.log_of(CHECK), *logs.glob(f"{job}_*.out")) if _text(p)), None
        )
        if log is None:
            raise StageError(
                f"SHARED: {folder.shared.root}: not visible on node {node or '(unknown)'}, "
                "expected a folder that all nodes see at this path; correct SHARED"
            )
        said = " ".join(_text(log).split())[-300:]
        raise StageError(
            f"node {node}: the worker could not begin: {said} (see {log}); this project's Python "
            "has to be there, at the same path as here or at the one that NODE_PYTHON names"
        )
    if wrong := differences(folder.settings.packages, probe["packages"]):
        raise StageError(
            f"node {probe['node']}: found other packages than here: {'; '.join(wrong)}; "
            "install the same there (make writes .venv from constraints.txt), or put this project, "
            "with its .venv, on a disk that the nodes see"
        )
    if probe["free"] < needed:
        raise StageError(
            f"node {probe['node']}: found {probe['free'] / 1e9:,.1f} GB free in "
            f"{probe['scratch']}, expected {needed / 1e9:,.1f} GB, which a cell takes while it is "
            "trained; set TMPDIR to a larger disk of the node"
        )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""


def _wait(folder: RunFolder, scheduler: Scheduler, name: str, job: str) -> tuple[dict | None, str]:
    """What the job says of its node, or None if it ends without; and the node."""
    node, said = "", ""
    try:
        while True:
            try:
                states = [s for task, s in scheduler.states(name).items() if task.job == job]
            except Away:
                states = [None]
            for path in (folder.folder / "probes").glob("*.json"):
                return json.loads(path.read_text(encoding="utf-8")), node
            state = states[0] if states else None
            if not states or (state and state.phase in ("ended", "failed")):
                return None, (state.node if state else "") or node
            if state and state.phase == "stuck":
                raise StageError(f"SLURM: a short job, to look at a node, {state.says}")
            if state:
                node = state.node or node
                if state.phase == "queued" and state.says not in (said, ""):
                    said = state.says
                    tqdm.write(f"a short job, to look at a node, waits: {said}")
            time.sleep(1)
    except BaseException:
        with suppress(Away):
            scheduler.cancel([job])
        raise
