"""Whose machine it is decides about no byte, and nothing is left outside of the project."""

import shutil
from pathlib import Path

import pytest

from tests.project import INDUCTION, Project

pytestmark = pytest.mark.slow
MACHINES = (
    {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "COLUMNS": "20",
     "OMP_NUM_THREADS": "1"},
    {"PYTHONHASHSEED": "2", "TZ": "America/St_Johns", "LC_ALL": "C", "PYTHONUTF8": "0",
     "PYTHONCOERCECLOCALE": "0", "LANGUAGE": "de", "OMP_NUM_THREADS": "2", "COLUMNS": "500"},
)  # fmt: skip


def outside(project: Project, folder: Path) -> dict[str, str]:
    """Empty folders for all that programs keep outside of a project."""
    names = ("HOME", "TMPDIR", *(n for n in project.variables if n.startswith("XDG_")))
    for name in names:
        (folder / name).mkdir(parents=True)
    return {name: str(folder / name) for name in names}


def left_in(folders: dict[str, str]) -> list[str]:
    return [str(path) for folder in folders.values() for path in Path(folder).rglob("*")]


@pytest.mark.parametrize("machine", MACHINES, ids=["one", "other"])
def test_another_machine_makes_the_same_bytes(machine, studied, tmp_path):
    """By `dvc repro`, which nobody gives our environment to."""
    project = studied.copy(tmp_path / "study")
    wanted = project.products()
    shutil.rmtree(project.folder / ".scratch")
    folders = outside(project, tmp_path / "outside")
    script = "umask 077; exec dvc repro --force"
    done = project.run("sh", "-c", script, variables={**folders, **machine})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Running stage 'train@attn1_s0'" in done.stdout
    assert "goes on from step" not in done.stderr, "trained anew"
    products = project.products()
    assert [name for name in wanted if products.get(name) != wanted[name]] == []
    assert products.keys() == wanted.keys()
    assert left_in(folders) == []


def test_commands_leave_nothing_outside_of_the_project(studied, tmp_path):
    project = studied.copy(tmp_path / "study")
    folders = outside(project, tmp_path / "outside")
    checkpoint = "data/train/attn1_s0/step_000005.safetensors"
    for command in (
        ("study",),
        ("show",),
        ("query", "from icl"),
        ("compare", "reports"),
        ("verify",),
        ("plan",),
        ("patterns", checkpoint, "L0H1"),
    ):
        done = project.run(*INDUCTION, *command, variables=folders)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert left_in(folders) == [], command
