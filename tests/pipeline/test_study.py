"""`make study`: cells side by side, one that fails, only some of them, shared with others."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from induction.pipeline import layout
from induction.pipeline.engines import local
from induction.pipeline.engines.engine import summary
from induction.pipeline.settings import read_study, study_of
from induction.pipeline.work import Work, in_order, work
from induction.report import results
from induction.tables.heads import HEADS
from induction.tables.icl import ICL
from induction.tables.parquet import read_table
from induction.tables.phases import WINDOWS
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
        assert re.search(rf"^{cell}: ICL .*; \d+ s$", done.stdout, re.MULTILINE)
    assert "ICL at the end" in done.stdout, "the result is told"
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
    assert (project.folder / "data" / "ablations" / "smear2_s0" / "ablations.parquet").exists()
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
        (("--first", "attn9_s0"), r"--first: found attn9_s0, expected some of attn1_s0, smear2"),
        (("--first", "smear2_s0", "--cells", "attn1_s0"), r"--first: found smear2_s0, expected"),
        (("--jobs", "0"), r"--jobs.*0 is not in the range x>=1"),
    ],
)
def test_what_cannot_be_run_is_named(studied, arguments, wanted):
    done = studied.run(*INDUCTION, "study", *arguments)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert re.search(wanted, done.stderr)


def test_cells_come_as_they_are_named_then_as_in_params_or_longest_first():
    params = Project.committed()
    study = study_of(params)
    cells = [*params["cells"], *params["published"]]
    assert in_order(study, cells, [], jobs=1) == cells
    first = ["mlp2_s4", "attn1_s0", "mlp2_s4"]
    others = [cell for cell in cells if cell not in first]
    assert in_order(study, cells, first, jobs=1) == ["mlp2_s4", "attn1_s0", *others]
    ordered = in_order(study, cells, ["attn1_s0"], jobs=2)
    assert ordered[0] == "attn1_s0" and set(ordered) == set(cells)
    assert {study.every_cell[cell].model for cell in ordered[1:7]} == {"attn3", "mlp2"}
    assert ordered[-1] == "smear1_s0", "shorter than any of the published run"


def of(cell: str, *stages: str) -> list[str]:
    return [f"{stage}@{cell}" for stage in stages]


STUDY = read_study()
RESULT = ("train", "heads", "losses", "icl")
REST = ("ablations", "interventions", "circuits")


def test_only_what_is_out_of_date_is_asked_for():
    """If the rest alone is, the result was there before, and is not told again."""
    a, b, c = "attn1_s0", "attn2_s0", "smear1_s0"
    stale = {"plan", *of(a, "losses"), *of(b, "circuits"), "report"}
    assert work(STUDY, [c, b, a], stale) == [
        Work(b, [], of(b, *REST)),
        Work(a, of(a, *RESULT), of(a, *REST)),
    ]
    assert work(STUDY, [a, b, c], {"claims", "report"}) == []


def test_each_result_is_told_before_what_comes_next(monkeypatch, tmp_path, capsys):
    """Also after a cell that fails, of which nothing more is run."""
    monkeypatch.chdir(tmp_path)
    events: list[str] = []

    def call(command: list[str]) -> int:
        stages = command[command.index("--single-item") + 1 :]
        events.append(" ".join(stages))
        return int(stages[0] == "train@b")

    monkeypatch.setattr(local, "call", call)
    monkeypatch.setattr(local, "say", events.append)
    cells = [Work(cell, of(cell, *RESULT), of(cell, *REST)) for cell in ("a", "b", "c")]
    cells.append(Work("d", [], of("d", *REST)))
    outcomes = local.one_by_one(cells, False, lambda cell, seconds: f"{cell}: {seconds:.0f} s")
    first, rest = ({cell: " ".join(of(cell, *each)) for cell in "abcd"} for each in (RESULT, REST))
    assert events == [
        first["a"], "a: 0 s", rest["a"], first["b"], first["c"], "c: 0 s", rest["c"], rest["d"],
    ]  # fmt: skip
    assert [each.error for each in outcomes] == ["", "stopped with status 1", "", ""]
    assert (
        summary(outcomes, lambda cell: tmp_path / cell).splitlines()[1]
        == "  b: stopped with status 1"
    )


def test_a_line_says_what_the_report_says(studied, monkeypatch):
    monkeypatch.chdir(studied.folder)
    study = read_study()
    for cell, wanted in studied.metrics().items():
        line = results.line(cell, study, 252.4)
        assert line.startswith(f"{cell}: ICL {wanted['icl_matched']:+.3f} [")
        assert f"{wanted['icl_matched_low']:+.3f}, {wanted['icl_matched_high']:+.3f}] nats" in line
        score = wanted["prefix_matching_max"]
        assert line.endswith(
            f"best head {wanted['best_head']} (prefix matching {score:.2f}); 4 min 12 s"
        )
        assert ("no phase change" in line) == (not wanted["phase_change"])


def test_a_line_says_where_the_change_is(studied, monkeypatch):
    """By the rule and the tokens of stage `phases`: here the least fall of ICL is a change."""
    monkeypatch.chdir(studied.folder)
    study = read_study()
    rule = replace(study.phases, min_drop=1e-9, min_final=1e-9)
    tables = {table: read_table(table, layout.source_of(table, CELLS[0])) for table in (ICL, HEADS)}
    tables[ICL][results.SCORE_HIGH] = tables[ICL][results.SCORE_HIGH] - 9
    monkeypatch.setattr(results, "read_table", lambda table, _: tables[table])
    windows = read_table(WINDOWS, layout.source_of(WINDOWS, ""))
    row = windows["cell"].tolist().index(CELLS[0])
    start, end = (windows[f"{end}_tokens"][row] / 1e6 for end in ("start", "end"))
    line = results.line(CELLS[0], replace(study, phases=rule), 1.0)
    assert f"phase change {start:.2f} M - {end:.2f} M tokens" in line


@pytest.mark.slow
def test_the_cell_that_is_named_first_is_told_before_the_others_are_trained(studied, tmp_path):
    """Without a name, it would come last; what is up to date is not told again."""
    project = studied.copy(tmp_path / "first")
    wanted = project.products()
    for name in ("data", ".scratch", ".dvc/cache"):
        shutil.rmtree(project.folder / name)
    (project.folder / "dvc.lock").unlink()
    done = project.run(*INDUCTION, "study", "--first", CELLS[1])
    assert done.returncode == 0, done.stderr
    said = done.stdout
    places = [
        said.index(f"stages.heads --cell {CELLS[1]}"),
        said.index(f"\n{CELLS[1]}: ICL "),
        said.index(f"stages.ablations --cell {CELLS[1]}"),
        said.index(f"stages.train --cell {CELLS[0]}"),
        said.index(f"\n{CELLS[0]}: ICL "),
        said.index("stages.pca"),
    ]
    assert places == sorted(places)
    assert project.products() == wanted
    done = project.run(*INDUCTION, "study")
    assert done.returncode == 0 and ": ICL " not in done.stdout and "ICL at the end" in done.stdout


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
