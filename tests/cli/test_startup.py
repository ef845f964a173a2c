"""Where the project is and who starts a command: folders below it, spaces, no Git, hooks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from induction.pipeline.environment import run
from tests.git import git
from tests.project import INDUCTION, ROOT, Project

STUB = '#!/bin/sh\necho "$(basename "$0") $*"\n'


@pytest.fixture(scope="module")
def project(studied, tmp_path_factory) -> Project:
    """The small study in a folder with a space in its name."""
    return studied.copy(tmp_path_factory.mktemp("startup") / "my study")


def run_in(folder: Path, project: Project, *command: str, **variables: str):
    path = {"PYTHONPATH": str(project.folder)}
    return project.run(*command, variables={**path, **variables}, cwd=folder)


def test_commands_work_in_any_folder_below_the_root(project):
    below = project.folder / "notes" / "of mine"
    below.mkdir(parents=True)
    done = run_in(below, project, *INDUCTION, "plan", "--check")
    assert done.returncode == 0, done.stderr
    sql = "select count(*) as n from icl"
    done = run_in(below, project, *INDUCTION, "query", sql, "--format", "csv", "--out", "n.csv")
    assert done.returncode == 0, done.stderr
    assert (below / "n.csv").read_text() == '"n"\n10\n', "relative to where the command was called"
    checkpoint = os.path.relpath(
        project.folder / "data/train/attn1_s0/step_000005.safetensors", below
    )
    done = run_in(below, project, *INDUCTION, "patterns", checkpoint, "L0H1")
    assert done.returncode == 0 and "L0H1: prefix matching" in done.stdout, done.stderr


def test_outside_of_the_project_one_line_says_so(project, tmp_path):
    done = run_in(tmp_path, project, *INDUCTION, "show")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}: found no params.yaml here or in a folder")
    assert run_in(tmp_path, project, *INDUCTION, "show", "--help").returncode == 0


@pytest.mark.slow
def test_a_study_in_a_folder_with_a_space_runs_and_is_up_to_date(project):
    shutil.rmtree(project.folder / "data" / "claims")
    shutil.rmtree(project.folder / ".dvc" / "cache" / "runs")
    (project.folder / "dvc.lock").write_text(
        (project.folder / "dvc.lock").read_text().replace("data/claims/", "data/claim/")
    )
    done = project.run(*INDUCTION, "study")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Running stage 'claims'" in done.stdout
    assert project.run("dvc", "status").stdout == "Data and pipelines are up to date.\n"


@pytest.fixture
def sources(tmp_path) -> Path:
    """The files that `make` reads, in a folder with a space in its name, and a stub of .venv."""
    folder = tmp_path / "my study"
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "induction", folder / "induction")
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "induction"):
        (folder / ".venv" / "bin" / name).write_text(STUB)
        (folder / ".venv" / "bin" / name).chmod(0o755)
    return folder


def make(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess:
    # `make test` itself leaves variables to the makes that it starts.
    empty = dict.fromkeys((name for name in os.environ if name.startswith("MAKE")), "")
    variables = {**empty, "GIT_CEILING_DIRECTORIES": str(folder.parent), **more}
    return run(["make", *arguments], variables, cwd=folder, capture_output=True, text=True)


def test_make_finds_its_environment_in_a_folder_with_a_space(sources):
    (sources / ".venv" / "installed").write_text(f"{sources}\n")
    done = make(sources, "study")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["induction", "study"]


def test_make_passes_on_where_a_study_is_to_run(sources):
    """The stub prints its arguments, without what a shell takes of their quotes."""
    (sources / ".venv" / "installed").write_text(f"{sources}\n")
    cluster = ("ON=slurm", "SHARED=/lab/my x", "SLURM=--mem=8G --time=1", "PACK=3")
    done = make(sources, "study", "JOBS=20", "FIRST=a b", *cluster)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *("induction", "study", "--jobs", "20", "--first", "a", "--first", "b"),
        *("--on", "slurm", "--shared", "/lab/my", "x", "--pack", "3"),
        *("--options", "--mem=8G", "--time=1"),
    ]


def test_make_installs_anew_where_the_folder_moved(sources):
    """The stub of .venv stands for one that names the folder it was installed in."""
    git(sources, "init", "-q")
    (sources / ".venv" / "installed").write_text(f"{sources}\n")
    os.utime(sources / ".venv" / "installed", (2e9, 2e9))
    moved = sources.rename(sources.with_name("my other study"))
    # Where the network is, pip would begin now; --clear has to come first.
    done = make(moved, "study", PIP_INDEX_URL="http://127.0.0.1:9", PIP_RETRIES="0")
    assert "installing into .venv anew: it was installed in another folder ..." in done.stdout
    assert not (moved / ".venv" / "bin" / "induction").exists() and done.returncode != 0
    assert not (moved / ".venv" / "installed").exists(), "the next `make` goes on"


@pytest.mark.slow
def test_code_of_a_folder_that_moved_still_runs(studied, tmp_path):
    """Scripts in .venv/bin name the old folder; no program is found by them."""
    moved = studied.copy(tmp_path / "moved")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dvc").write_text("#!/no/such/folder/python\n")
    (tmp_path / "bin" / "dvc").chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = moved.run(sys.executable, *INDUCTION[1:], "study", variables={"PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_command_of_another_checkout_is_refused(project, tmp_path):
    """As with one .venv for two checkouts: the command of one is called in the other."""
    here = tmp_path / "here"
    for name in ("stages", "induction"):
        shutil.copytree(project.folder / name, here / name)
    shutil.copy(project.folder / "params.yaml", here)
    (here / "below").mkdir()
    for folder in (here, here / "below"):
        done = run_in(folder, project, *INDUCTION, "plan", PYTHONSAFEPATH="1")
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"error: {here}: found a project, but `induction` was installed")
        assert str(project.folder) in line
    remedy = run_in(here, project, "python", "-m", "induction.cli.main", "plan")
    assert remedy.returncode == 0 and (here / "dvc.yaml").exists(), remedy.stderr
    stage = run_in(here, project, "python", "-m", "stages.plan", PYTHONSAFEPATH="1")
    (line,) = stage.stderr.splitlines()
    assert line.startswith("error: plan: found the code of ") and "unset PYTHONSAFEPATH" in line


def test_without_git_make_says_so_before_it_installs_anything(sources):
    done = make(sources, "study")
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "clone the project" in errors[0] and "git init" in errors[0]
    assert "installing" not in done.stdout


def test_without_git_the_study_says_so_in_one_line(project, tmp_path):
    plain = tmp_path / "unzipped"
    for name in ("stages", "induction", "params.yaml"):
        copy = shutil.copytree if (project.folder / name).is_dir() else shutil.copy
        plain.mkdir(exist_ok=True)
        copy(project.folder / name, plain / name)
    ceiling = {"GIT_CEILING_DIRECTORIES": str(tmp_path), "PYTHONPATH": str(plain)}
    done = run_in(plain, project, *INDUCTION, "study", **ceiling)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ") and "clone the project" in line and "git init" in line


def test_a_hook_of_another_repository_is_left_alone(project, tmp_path):
    """Git gives its hooks GIT_DIR and GIT_INDEX_FILE, and DVC would add files to that index."""
    other = tmp_path / "other"
    other.mkdir()

    git(other, "init", "-q")
    (other / "file").write_text("x")
    git(other, "add", "file")
    git(other, "commit", "-qm", "one")
    index = (other / ".git" / "index").read_bytes()
    hook = {"GIT_DIR": str(other / ".git"), "GIT_INDEX_FILE": str(other / ".git" / "index")}
    done = run_in(project.folder, project, *INDUCTION, "study", "--cells", "attn1_s0", **hook)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (other / ".git" / "index").read_bytes() == index
    assert git(other, "status", "--porcelain") == ""
    assert len(git(other, "log", "--all", "--oneline").splitlines()) == 1
    assert sorted(path.name for path in other.iterdir()) == [".git", "file"]
