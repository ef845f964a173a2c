"""A stage reads what it depends on and nothing else: alone with that, it writes the same bytes."""

import shutil
from pathlib import Path

import pytest
import yaml

from induction.pipeline import code_digests
from induction.pipeline.declarations import stages
from induction.pipeline.layout import label
from induction.pipeline.plan import Expanded, expanded
from induction.pipeline.settings import study_of
from tests.project import CELLS, Project

pytestmark = pytest.mark.slow

# Every stage but `plan`, which reads the whole project, and of those per cell one cell.
LABELS = [
    label(stage.name, CELLS[1] if stage.is_of_cell else "")
    for stage in stages().values()
    if stage.name != "plan" and stage.per != "suite"
]


def pruned(values: dict, keys: frozenset[str]) -> dict:
    """The values at these dotted keys, and nothing else."""
    kept: dict = {}
    for key in sorted(keys):
        *path, last = key.split(".")
        inner, target = values, kept
        for name in path:
            inner, target = inner[name], target.setdefault(name, {})
        target[last] = inner[last]
    return kept


def alone(project: Project, stage: Expanded, folder: Path) -> Project:
    """A folder with the dependencies of a stage, its params and its code."""
    root = project.folder
    # The declarations of all stages say where files are, and these are what they are made of.
    tables = [path.relative_to(root) for path in (root / "induction" / "tables").glob("*.py")]
    declared = [*code_digests.closure("induction.report.plots", root), *tables]
    modules = [Path("stages") / f"{name}.py" for name in stages()]
    code = [*code_digests.files(stage.name, root), *declared, *modules]
    # Stage `corpus` asks DVC what it sees of the text.
    dvc = [Path(".dvcignore"), Path(".dvc/config")]
    for path in {*map(Path, stage.deps), *code, *dvc}:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (root / path).is_dir():
            shutil.copytree(root / path, target)
        else:
            shutil.copy(root / path, target)
    params = pruned(project.params(), stage.params)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    result = Project.at(folder)
    result.run("git", "init", "-q", check=True)
    return result


@pytest.mark.parametrize("name", LABELS)
def test_a_stage_alone_with_its_dependencies_writes_the_same(studied, tmp_path, name):
    (stage,) = [each for each in expanded(study_of(studied.params())) if each.label == name]
    project = alone(studied, stage, tmp_path / "alone")
    done = project.run(*stage.cmd.split())
    assert done.returncode == 0, done.stderr
    for out in stage.outs:
        before, after = studied.folder / out, project.folder / out
        files = sorted(before.rglob("*")) if before.is_dir() else [before]
        for file in files:
            if file.is_file():
                again = after / file.relative_to(before) if before.is_dir() else after
                assert again.read_bytes() == file.read_bytes(), again
