"""What DVC shows of two revisions: real `dvc plots`, `dvc metrics` and `dvc exp`, small study."""

import csv
import json

import pytest
import vl_convert

from induction.report import plots
from tests.project import CELLS, ROOT, Project

OTHER = "smear2_s0"
CHANGED = "models.smear2.init.o_gain"
VALUES = {name: plot.y for name, plot in plots.PLOTS.items()}


def git(project: Project, *arguments: str) -> str:
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = project.run("git", *author, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(project: Project, *arguments: str) -> str:
    done = project.run("dvc", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def committed(project: Project) -> Project:
    code = ("stages", "induction", "params.yaml", "dvc.yaml", "dvc.lock")
    git(project, "add", *code, ".dvc", ".dvcignore", ".gitignore")
    git(project, "add", "reports", "books")
    git(project, "commit", "--quiet", "--message", "study")
    return project


@pytest.fixture(scope="module")
def project(studied, tmp_path_factory) -> Project:
    """The small study in a commit; in the workspace, one cell has other values, made up."""
    project = committed(studied.copy(tmp_path_factory.mktemp("plots")))
    for name in VALUES:
        path = project.folder / "reports" / "plots" / f"{name}.csv"
        head, *rows = path.read_text().splitlines()
        rows = [row[:-1] + str(9 - int(row[-1])) if OTHER in row else row for row in rows]
        path.write_text("\n".join([head, *rows, ""]))
    return project


@pytest.fixture(scope="module")
def experiment(studied, tmp_path_factory) -> Project:
    """The small study in a commit, and an experiment `other`, which changed a model."""
    project = committed(studied.copy(tmp_path_factory.mktemp("experiment")))
    for key, value in (("name", "Test"), ("email", "test@example.org")):
        git(project, "config", f"user.{key}", value)
    output = dvc(project, "exp", "run", "--name", "other", "--set-param", f"{CHANGED}=0.4")
    assert f"train@{OTHER}'" in output and "Running stage 'train@attn1_s0'" not in output
    return project


def drawn(project: Project, *revisions: str) -> dict[str, dict]:
    """The Vega-Lite of every plot that DVC draws of two revisions, by its name."""
    content = json.loads(dvc(project, "plots", "diff", *revisions, "--json"))
    assert "errors" not in content
    names = {f"reports/plots/{name}.csv": name for name in VALUES}
    assert set(content["data"]) == set(names), "no figures: they would come twice, untitled"
    return {names[path]: row["content"] for path, (row,) in content["data"].items()}


def check(specs: dict[str, dict], revisions: list[str]) -> None:
    """Both revisions, every cell, a title, and labels with units; and Vega-Lite draws it."""
    for name, spec in specs.items():
        plot, axes = plots.PLOTS[name], spec["spec"]["encoding"]
        assert spec["title"]["text"] == plot.title
        assert axes["x"]["title"] == "training tokens (millions)"
        assert axes["y"]["title"] == plot.y_label
        rows = spec["data"]["values"]
        points = {
            revision: [
                tuple(row[key] for key in (*plot.names, plots.X))
                for row in rows
                if row["rev"] == revision
            ]
            for revision in revisions
        }
        before, after = points.values()
        assert before == after and len(set(before)) == len(before) > len(CELLS)
        assert len(before) + len(after) == len(rows)
        changed = {
            cell
            for cell in CELLS
            if len({_values(rows, cell, revision, plot.y) for revision in revisions}) == 2
        }
        assert changed == {OTHER}
        picture = vl_convert.vegalite_to_svg(spec, vl_version="5.8")
        for text in (plot.title, plots.X_LABEL, plot.y_label, *CELLS, *revisions):
            assert f">{text}<" in picture, text


def _values(rows: list[dict], cell: str, revision: str, y: str) -> tuple[str, ...]:
    return tuple(row[y] for row in rows if (row["cell"], row["rev"]) == (cell, revision))


def test_two_revisions_are_drawn_with_titles_and_units(project):
    check(drawn(project), ["workspace", "HEAD"])


def test_the_files_are_in_git_and_so_is_the_template():
    for path in ("reports/plots/icl.csv", f".dvc/plots/{plots.TEMPLATE}.json"):
        ignored = Project.at(ROOT).run("git", "check-ignore", "--no-index", path)
        assert ignored.returncode == 1, path


def test_a_point_is_a_row():
    rows = {
        "curves": [{"cell": "a_s0", "tokens": 409_600, "icl_matched": -0.123456, "loss": 2}],
        "heads": [
            {"cell": "a_s0", "name": name, "tokens": 4_096_000_000, "prefix_matching": 0.5}
            for name in ("L0H0", "L1H0")
        ],
    }
    assert plots.files(rows) == {
        "icl.csv": "cell,million_tokens,icl_matched\na_s0,0.4096,-0.1235\n",
        "loss.csv": "cell,million_tokens,loss\na_s0,0.4096,2.0000\n",
        "prefix_matching.csv": "cell,name,million_tokens,prefix_matching\n"
        "a_s0,L0H0,4096,0.5000\na_s0,L1H0,4096,0.5000\n",
    }


@pytest.mark.slow
def test_an_experiment_is_drawn_beside_the_commit_it_came_from(experiment):
    check(drawn(experiment, "HEAD", "other"), ["HEAD", "other"])


@pytest.mark.slow
def test_metrics_name_what_an_experiment_changed(experiment):
    content = json.loads(dvc(experiment, "metrics", "diff", "HEAD", "other", "--json"))
    (changes,) = content.values()
    cells = {key.split(".")[1] for key in changes if key.startswith("cells.")}
    assert cells == {OTHER} and f"cells.{OTHER}.loss_final" in changes


@pytest.mark.slow
def test_experiments_are_listed_with_what_they_changed(experiment):
    output = dvc(experiment, "exp", "show", "--csv", "--only-changed")
    (row,) = [row for row in csv.DictReader(output.splitlines()) if row["Experiment"] == "other"]
    assert row[CHANGED] == "0.4"
    metrics = {key for key in row if key.startswith("cells.")}
    assert metrics and all(key.startswith(f"cells.{OTHER}.") for key in metrics)


@pytest.mark.slow
def test_params_as_people_wrote_them_stand_for_those_dvc_wrote(experiment, tmp_path):
    """`exp run -S` writes params.yaml anew; the same value in the old file reruns nothing."""
    project = experiment.copy(tmp_path / "p")
    git(project, "checkout", "HEAD", "--", "params.yaml")

    def edit(params: dict) -> dict:
        params["models"]["smear2"]["init"]["o_gain"] = 0.4
        return params

    project.edit(edit)
    assert project.repro() <= {"plan"}
