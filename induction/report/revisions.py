"""The reports of a Git revision, a DVC experiment, the workspace, or a folder.

The files of a revision are read from Git: nothing is checked out, and no data is needed.
"""

import difflib
import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from induction.config.errors import StageError, visible
from induction.config.names import PUBLISHED
from induction.config.params_yaml import PARAMS, read_yaml
from induction.config.paths import REPORTS
from induction.pipeline.environment import run
from induction.report import sequences
from induction.report.compare import measures, paired, sides
from induction.report.compare.sides import Side

T = TypeVar("T")
WORKSPACE = "workspace"
METRICS = "metrics.json"
FILES = (METRICS, "circuits.json", "claims.json", "provenance.json", sequences.NAME, "summary.md")
# DVC keeps the refs of experiments below the commit that they began at.
EXPERIMENT = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(.+)")
TEXT = re.compile(r"sha256 `([0-9a-f]{64})`")


@dataclass(frozen=True)
class Place:
    """Where the files of one side lie; `get` returns the bytes of a file, or None without one.

    `what` names the place for people, `within` stands after the path of a file in it.
    """

    what: str
    within: str
    reports: Path
    params: Path
    get: Callable[[Path], bytes | None]
    remedy: str

    def name(self, path: Path) -> str:
        return f"{path}{self.within}"


def read(name: str, grid: str) -> Side:
    """The report called `name`: that of the study, or of a grid.

    Raises StageError if there is no such place, if it has no report, or if a file is damaged.
    """
    place = find(name, grid)
    paths = {file: place.reports / file for file in FILES} | {PARAMS.name: place.params}
    files = {file: data for file, path in paths.items() if (data := place.get(path)) is not None}
    if METRICS not in files:
        make = f"make {PUBLISHED if grid else 'study'}"
        raise StageError(
            f"{place.name(paths[METRICS])}: not found; name one that has a report "
            f"(`git log -- {REPORTS / grid / METRICS}` lists revisions), or `{make}` makes it"
        )

    def parsed(
        file: str, parse: Callable[[Any], T], load: Callable[[bytes], Any] = json.loads
    ) -> T | None:
        if file not in files:
            return None
        try:
            return parse(load(files[file]))
        except (ValueError, RecursionError) as error:
            detail = visible(" ".join(str(error).split()), 300)
            where = place.name(paths[file])
            raise StageError(
                f"{where}: not as a report writes it: {detail}; {place.remedy}"
            ) from None

    cells = parsed(METRICS, lambda content: measures.of_cells(content, "metrics")) or {}
    circuits = parsed("circuits.json", lambda content: measures.of_cells(content, "circuits")) or {}
    text = TEXT.search(files.get("summary.md", b"").decode("utf-8", "replace"))
    return Side(
        name=visible(name, 80),
        what=place.what,
        cells={cell: values | circuits.get(cell, {}) for cell, values in cells.items()},
        claims=parsed("claims.json", sides.claims),
        params=_params(files.get(PARAMS.name), place),
        provenances=parsed("provenance.json", sides.provenances),
        text=text[1] if text else None,
        sequences=parsed(
            sequences.NAME, lambda content: paired.of_cells(content, cells), bytes.decode
        ),
        files=files,
    )


def find(name: str, grid: str) -> Place:
    """Where `name` lies. A folder with a report in it comes before a revision of that name, and an
    experiment before what Git makes of its name. Raises StageError if there is none of these."""
    if name == WORKSPACE:
        return _folder("the files as they are here", REPORTS / grid)
    if os.path.isfile(Path(name) / grid / METRICS):
        return _folder("a folder", Path(name) / grid)
    is_folder = os.path.isdir(name)
    is_in_git = _git("rev-parse", "--is-inside-work-tree") is not None
    experiments = _experiments() if is_in_git else {}
    refs = experiments.get(name, [])
    if len(refs) > 1:
        raise StageError(
            f"{visible(name, 80)}: found {len(refs)} experiments of that name; name one by its "
            f"whole ref: {', '.join(refs)}"
        )
    commit = is_in_git and _git("rev-parse", "--verify", "--quiet", "--end-of-options",
                                f"{refs[0] if refs else name}^{{commit}}")  # fmt: skip
    if commit:
        return _revision(commit.decode().strip(), "experiment" if refs else "commit", grid)
    if is_folder:
        raise StageError(
            f"{visible(str(Path(name) / grid / METRICS), 200)}: not found; name a folder that a "
            f"report was written to, as {REPORTS} or {REPORTS / PUBLISHED}"
        )
    raise StageError(_unknown(name, is_in_git, experiments))


def _unknown(name: str, is_in_git: bool, experiments: dict[str, list[str]]) -> str:
    shown = visible(name, 80)
    if not is_in_git:
        return (
            f"{shown}: found no such folder, and this folder is not in a Git repository; run "
            "this in a clone, or name folders that hold reports"
        )
    listed = _git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags") or b""
    names = [WORKSPACE, *experiments, *listed.decode("utf-8", "replace").split()]
    near = difflib.get_close_matches(name, names, n=3)
    hint = f" (near it: {', '.join(visible(match, 80) for match in near)})" if near else ""
    return (
        f"{shown}: found no such revision, experiment or folder{hint}; `git branch -a`, `git tag` "
        "and `dvc exp show` list those there are"
    )


def _folder(what: str, reports: Path) -> Place:
    """Params lie beside the reports of the study, which is one folder further up for a grid."""
    folder = reports.resolve()
    home = folder.parent.parent if folder.name == PUBLISHED else folder.parent
    remedy = "restore it (`git checkout -- <file>`) or make it anew (`make study`)"

    def get(path: Path) -> bytes | None:
        try:
            return path.read_bytes() if path.is_file() else None
        except OSError as error:
            raise StageError(f"{path}: not readable: {error.strerror}; give read access") from None

    # A relative path where possible: the page shows it.
    params = PARAMS if home == Path.cwd() else home / PARAMS
    return Place(what, "", reports, params, get, remedy)


def _revision(commit: str, kind: str, grid: str) -> Place:
    def get(path: Path) -> bytes | None:
        # Relative to this folder, which need not be the root of the repository.
        return _git("cat-file", "blob", f"{commit}:./{path.as_posix()}")

    what = f"{kind} {commit[:10]}"
    return Place(what, f" in {what}", REPORTS / grid, PARAMS, get, "name another revision")


def _experiments() -> dict[str, list[str]]:
    """The refs of every experiment by name; one name can occur at several commits."""
    refs: dict[str, list[str]] = {}
    listed = _git("for-each-ref", "--format=%(refname)", "refs/exps") or b""
    for ref in listed.decode("utf-8", "replace").split():
        if match := EXPERIMENT.fullmatch(ref):
            refs.setdefault(match[1], []).append(ref)
    return refs


def _git(*arguments: str) -> bytes | None:
    """The output of Git; None if it fails, or if there is no Git."""
    try:
        done = run(["git", *arguments], capture_output=True)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _params(data: bytes | None, place: Place) -> dict | None:
    """The content of params.yaml. Raises StageError if it is damaged."""
    if data is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PARAMS.name
        path.write_bytes(data)
        try:
            return read_yaml(path)
        except StageError as error:
            raise StageError(str(error).replace(str(path), place.name(place.params))) from None
