"""The reports of a Git revision, a DVC experiment, the files as they lie here, or a folder.

Of a revision files are read as Git has them: nothing is checked out, and no data is needed.
"""

import difflib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from induction.config.errors import StageError, visible
from induction.config.names import PUBLISHED
from induction.config.params_yaml import PARAMS, read_yaml
from induction.report import sequences
from induction.report.compare import measures, paired, sides
from induction.report.compare.sides import Side

T = TypeVar("T")
WORKSPACE = "workspace"
REPORTS = Path("reports")
METRICS = "metrics.json"
FILES = (METRICS, "circuits.json", "claims.json", "provenance.json", sequences.NAME, "summary.md")
# Of DVC's refs, those of experiments: below the commit they began at.
EXPERIMENT = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(.+)")
TEXT = re.compile(r"sha256 `([0-9a-f]{64})`")


@dataclass(frozen=True)
class Place:
    """Where the files of one side lie; `get` returns a file's bytes, or None if there is none.

    `what` says it for people, `within` after the path of a file.
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
    """What `name` stands for: the study's report, or that of a grid.

    Raises StageError if there is no such thing, if it has no report, or if a file is damaged.
    """
    place = find(name, grid)
    paths = {file: place.reports / file for file in FILES} | {PARAMS.name: place.params}
    found = {file: data for file, path in paths.items() if (data := place.get(path)) is not None}
    if METRICS not in found:
        make = f"make {PUBLISHED if grid else 'study'}"
        raise StageError(
            f"{place.name(paths[METRICS])}: not found; name one that has a report "
            f"(`git log -- {REPORTS / grid / METRICS}` lists revisions), or `{make}` makes it"
        )

    def parsed(
        file: str, as_what: Callable[[Any], T], load: Callable[[bytes], Any] = json.loads
    ) -> T | None:
        if file not in found:
            return None
        try:
            return as_what(load(found[file]))
        except (ValueError, RecursionError) as error:
            detail = visible(" ".join(str(error).split()), 300)
            where = place.name(paths[file])
            raise StageError(
                f"{where}: not as a report writes it: {detail}; {place.remedy}"
            ) from None

    cells = parsed(METRICS, lambda own: measures.of_cells(own, "metrics"))
    circuits = parsed("circuits.json", lambda own: measures.of_cells(own, "circuits")) or {}
    text = TEXT.search(found.get("summary.md", b"").decode("utf-8", "replace"))
    return Side(
        name=visible(name, 80),
        what=place.what,
        cells={cell: own | circuits.get(cell, {}) for cell, own in cells.items()},
        claims=parsed("claims.json", sides.claims),
        params=_params(found.get(PARAMS.name), place),
        made=parsed("provenance.json", sides.made),
        text=text[1] if text else None,
        sequences=parsed(sequences.NAME, lambda own: paired.of_cells(own, cells), bytes.decode),
        files=found,
    )


def find(name: str, grid: str) -> Place:
    """Where `name` lies. A folder with a report in it wins over a revision of that name, and an
    experiment over what Git makes of its name. Raises StageError if it is nothing of all that."""
    if name == WORKSPACE:
        return _folder("the files as they lie here", REPORTS / grid)
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
    hint = f" (near it: {', '.join(visible(own, 80) for own in near)})" if near else ""
    return (
        f"{shown}: found no such revision, experiment or folder{hint}; `git branch -a`, `git tag` "
        "and `dvc exp show` list those there are"
    )


def _folder(what: str, reports: Path) -> Place:
    """Params lie beside the study's reports, and so one folder further up for a grid's."""
    own = reports.resolve()
    home = own.parent.parent if own.name == PUBLISHED else own.parent
    remedy = "restore it (`git checkout -- <file>`) or make it anew (`make study`)"

    def get(path: Path) -> bytes | None:
        try:
            return path.read_bytes() if path.is_file() else None
        except OSError as error:
            raise StageError(f"{path}: not readable: {error.strerror}; give read access") from None

    # As short as it was given, where it can be: names of folders stand in the page.
    params = PARAMS if home == Path.cwd() else home / PARAMS
    return Place(what, "", reports, params, get, remedy)


def _revision(commit: str, kind: str, grid: str) -> Place:
    def get(path: Path) -> bytes | None:
        # Relative to this folder, which may lie below the repository's root.
        return _git("cat-file", "blob", f"{commit}:./{path.as_posix()}")

    what = f"{kind} {commit[:10]}"
    return Place(what, f" in {what}", REPORTS / grid, PARAMS, get, "name another revision")


def _experiments() -> dict[str, list[str]]:
    """The refs of every experiment, by its name: one name can occur at several commits."""
    found: dict[str, list[str]] = {}
    listed = _git("for-each-ref", "--format=%(refname)", "refs/exps") or b""
    for ref in listed.decode("utf-8", "replace").split():
        if own := EXPERIMENT.fullmatch(ref):
            found.setdefault(own[1], []).append(ref)
    return found


def _git(*arguments: str) -> bytes | None:
    """What Git answers; None if it refuses, or if there is no Git."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _params(data: bytes | None, place: Place) -> dict | None:
    """params.yaml by its one reader, which reads files. Raises StageError if it is damaged."""
    if data is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PARAMS.name
        path.write_bytes(data)
        try:
            return read_yaml(path)
        except StageError as error:
            raise StageError(str(error).replace(str(path), place.name(place.params))) from None
