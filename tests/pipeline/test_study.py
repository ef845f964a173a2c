"""`make study`: cells side by side, one that fails, only some of them, shared with others."""

import json
import re
import shutil
import subprocess

import pytest

from induction.pipeline import engine
from induction.pipeline.settings import study_of
from tests.project import CELLS, INDUCTION, PER_CELL, PER_GRID, Project, english

RAN = re.compile(r"Running stage '([^']+)'")


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory) -> tuple[Project, subprocess.CompletedProcess]:
    created = Project(tmp_path_factory.mktemp("jobs"))
    english(created.folder / "books")
    return created, created.run(*INDUCTION, "study", "--jobs", "2")


@pytest.mark.slow
def test_cells_side_by_side_give_the_bytes_of_one_after_the_other(side_by_side, studied):
    project, done = side_by_side
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.products() == studied.products()
    for cell in CELLS:
        assert re.search(rf"^{cell}: done \(\d+ s\)$", done.stderr, re.MULTILINE)
    assert "final ICL" in done.stdout, "the result is told"
    assert project.run("dvc", "status").stdout == "Data and pipelines are up to date.\n"


@pytest.mark.slow
def test_cells_run_at_the_same_time(side_by_side):
    """Stages of one cell ran while stages of the other did."""
    project, _ = side_by_side
    times: dict[str, list[tuple[float, float]]] = {cell: [] for cell in CELLS}
    for path in (project.folder / ".scratch" / "times").glob("*@*.json"):
        end, seconds = path.stat().st_mtime, json.loads(path.read_text())["seconds"]
        times[path.stem.split("@")[1]].append((end - seconds, end))
    a, b = times.values()
    assert len(a) == len(b) == len(PER_CELL)
    assert any(start < other_end and other < end for start, end in a for other, other_end in b)


@pytest.mark.slow
def test_a_cell_that_fails_does_not_stop_the_others(studied, tmp_path):
    project = studied.copy(tmp_path / "fails")
    wanted = project.products()
    shutil.rmtree(project.folder / ".dvc" / "cache")
    shutil.rmtree(project.folder / ".scratch")
    for cell in CELLS:
        shutil.rmtree(project.folder / "data" / "train" / cell)
    source = project.folder / "stages" / "train.py"
    honest = source.read_text()
    source.write_text(
        honest.replace(
            "    params = job.params\n",
            "    params = job.params\n"
            '    if job.instance == "attn1_s0":\n'
            '        raise StageError("broken for a test; mend it")\n',
        )
    )
    done = project.run(*INDUCTION, "study", "--jobs", "2")
    assert done.returncode == 1
    assert "1 of 2 cells failed; what the others made is kept:" in done.stderr
    line = next(line for line in done.stderr.splitlines() if line.startswith("  attn1_s0:"))
    assert "broken for a test; mend it" in line and ".scratch/logs/attn1_s0.log" in line
    assert "run the same command again: it goes on from there" in done.stderr
    assert (project.folder / "data" / "ablations" / "smear2_s0.parquet").exists()
    assert not {*PER_GRID} & set(RAN.findall(done.stdout))
    source.write_text(honest)
    done = project.run(*INDUCTION, "study", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert project.products() == wanted


@pytest.mark.slow
def test_only_some_cells_leave_the_rest_alone(studied, tmp_path):
    project = studied.copy(tmp_path / "some")
    shutil.rmtree(project.folder / "data" / "heads")
    done = project.run(*INDUCTION, "study", "--cells", "smear2_s0")
    assert done.returncode == 0, done.stderr
    assert (project.folder / "data" / "heads" / "smear2_s0" / "heads.parquet").exists()
    assert not (project.folder / "data" / "heads" / "attn1_s0").exists()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("--cells", "attn9_s0"), r"--cells: found attn9_s0, expected some of attn1_s0, smear2"),
        (("--jobs", "0"), r"--jobs.*0 is not in the range x>=1"),
    ],
)
def test_what_cannot_be_run_is_named(studied, arguments, wanted):
    done = studied.run(*INDUCTION, "study", *arguments)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert re.search(wanted, done.stderr)


def test_the_longest_cells_come_first():
    params = Project.committed()
    result = engine.longest_first(study_of(params))
    cells = params["cells"] | params["published"]
    assert set(result) == set(cells)
    layers = [params["models"][cells[cell]["model"]]["n_layers"] for cell in result]
    assert layers == sorted(layers, reverse=True)


@pytest.mark.slow
def test_what_one_worker_shared_another_clone_does_not_compute(studied, tmp_path):
    """`--share`: two clones, a cell each; the third computes what joins them, and nothing else."""
    origin = studied.copy(tmp_path / "origin")
    wanted = origin.products()
    for name in ("data", ".scratch", ".dvc/cache", ".dvc/tmp", "home"):
        shutil.rmtree(origin.folder / name, ignore_errors=True)
    (origin.folder / "dvc.lock").unlink()
    store = tmp_path / "store"
    origin.run("dvc", "remote", "add", "-d", "store", str(store), check=True)
    clones = [origin.copy(tmp_path / name) for name in ("a", "b", "c")]
    for clone, cell in zip(clones, CELLS, strict=False):
        done = clone.run(*INDUCTION, "study", "--cells", cell, "--share")
        assert done.returncode == 0, done.stdout + done.stderr
    joined = clones[2]
    done = joined.run(*INDUCTION, "study", "--share")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(RAN.findall(done.stdout)) <= {"plan", *PER_GRID}
    assert joined.products() == wanted
