"""Folders of the project that are links to another disk."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from induction.config.errors import StageError
from induction.pipeline.disks import check_one_disk
from tests.project import INDUCTION

OTHER = Path("/dev/shm")


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A folder on another disk."""
    if not OTHER.is_dir() or OTHER.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"{OTHER} is no other disk")
    with tempfile.TemporaryDirectory(dir=OTHER) as folder:
        yield Path(folder)


def link(path: Path, disk: Path) -> None:
    """Move a folder to the other disk, and leave a link."""
    shutil.move(path, disk / path.name)
    path.symlink_to(disk / path.name)


@pytest.mark.parametrize("name", ["data", "data/train", "reports", "reports/published", ".scratch"])
def test_a_folder_of_outputs_on_another_disk_is_refused(name, disk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("data/train", "reports/published", ".scratch"):
        os.makedirs(folder)
    check_one_disk()
    link(tmp_path / name, disk)
    why = "on another disk than" if name == ".scratch" else "a link out of the project"
    with pytest.raises(StageError, match=f"found {why}") as caught:
        check_one_disk()
    assert "\n" not in str(caught.value)


def test_a_link_out_of_the_project_is_refused_on_the_same_disk_too(tmp_path, monkeypatch):
    """`dvc repro` says that the output is outside of the Git repository, after the stage ran."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    os.makedirs("data")
    link(Path.cwd() / "data", tmp_path)
    with pytest.raises(StageError, match=r"data: found a link out of the project .*data"):
        check_one_disk()


def test_a_link_within_the_project_is_fine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("elsewhere")
    Path("reports").symlink_to("elsewhere")
    check_one_disk()


@pytest.mark.slow
def test_a_cache_on_another_disk_works(studied, disk, tmp_path):
    """The remedy, and a link in place of .dvc/cache."""
    project = studied.copy(tmp_path / "study")
    link(project.folder / "data", disk)
    done = project.run(*INDUCTION, "study")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and line.startswith("error: data: found a link out of")
    (project.folder / "data").unlink()
    shutil.move(disk / "data", project.folder / "data")
    link(project.folder / ".dvc" / "cache", disk)
    draws = iter((101, 102))
    for is_linked in (True, False):
        if not is_linked:
            (project.folder / ".dvc" / "cache").unlink()
            project.run("dvc", "cache", "dir", "--local", str(disk / "cache"), check=True)
            project.run("dvc", "config", "--local", "cache.type", "symlink", check=True)

        def more_draws(params: dict) -> dict:
            params["icl"]["bootstrap_draws"] = next(draws)
            return params

        project.edit(more_draws)
        done = project.run(*INDUCTION, "study")
        assert done.returncode == 0, done.stdout + done.stderr
        assert project.run(*INDUCTION, "verify").returncode == 0
        assert project.run("dvc", "status").stdout == "Data and pipelines are up to date.\n"
        assert (project.folder / "data/icl/attn1_s0/icl.parquet").is_symlink() != is_linked
