"""What reruns after a change: the table of docs/pipeline.md, observed with real DVC."""

import re
from collections.abc import Callable

import pytest

from tests.project import CELLS, PER_CELL, PER_GRID, ROOT, Project

FRAME = "induction/report/figures/frame.py"
DOCS = ROOT / "docs" / "pipeline.md"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
Change = Callable[[Project], None]


def rows() -> dict[str, tuple[list[str], str]]:
    """The table of the docs: change -> (stages, of which cells)."""
    text = DOCS.read_text(encoding="utf-8")
    table = text[text.index("| change | stages that run |") :].split("\n\n")[0]
    result = [row.groups() for row in ROW.finditer(table)]
    return {c: (re.findall(r"`(\w+)`", s), cells) for c, s, cells in result[1:]}


def param(key: str, value: object) -> Change:
    """Set one dotted key of params.yaml."""

    def change(project: Project) -> None:
        def edit(params: dict) -> dict:
            *path, last = key.split(".")
            inner = params
            for name in path:
                inner = inner[name]
            inner[last] = value
            return params

        project.edit(edit)

    return change


def appended(path: str, text: str) -> Change:
    return lambda project: project.append(path, text)


def without(cell: str, model: str) -> Change:
    def change(project: Project) -> None:
        def edit(params: dict) -> dict:
            del params["cells"][cell], params["models"][model]
            return params

        project.edit(edit)

    return change


def with_model(project: Project) -> None:
    def edit(params: dict) -> dict:
        params["models"]["wide1"] = params["models"]["attn1"] | {"d_model": 20}
        params["cells"]["wide1_s0"] = {"model": "wide1", "seed": 0}
        return params

    project.edit(edit)


CHANGES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "a seed added: a line in `cells`": (
        param("cells.attn1_s1", {"model": "attn1", "seed": 1}),
        ("attn1_s1",),
    ),
    "a model added, with a cell of it": (with_model, ("wide1_s0",)),
    "a model and its cells removed": (without("smear2_s0", "smear2"), ()),
    "a field of one entry of `models`": (param("models.smear2.init.o_gain", 0.4), ("smear2_s0",)),
    "`train` of one cell, otherwise than of all": (
        param("cells.attn1_s0.train", {"warmup_steps": 6}),
        ("attn1_s0",),
    ),
    "a field of `train`": (param("train.adamw_beta2", 0.99), CELLS),
    "a text changed, added or removed": (
        lambda p: p.append("books/0001.txt", "And so on, and so on, to the end of the river.\n"),
        CELLS,
    ),
    "`corpus.evaluation.sequences`": (param("corpus.evaluation.sequences", 10), CELLS),
    "`icl.windows`": (param("icl.windows.early", [3, 7]), CELLS),
    "another key of `icl`": (param("icl.bootstrap_draws", 101), CELLS),
    "`heads`": (param("heads.seed", 1), CELLS),
    "`ablations`": (param("ablations.sequences", 5), CELLS),
    "`interventions`": (param("interventions.draws", 4), CELLS),
    "`circuits`": (param("circuits.entries", 5), CELLS),
    "`pca`": (param("pca.components", 3), ()),
    "`phases`": (param("phases.smoothing", 0), CELLS),
    "a rule of `claims`": (param("claims.rules.much_after.at_least", 0.31), ()),
    "`report`": (param("report.position_bins", 9), ()),
    "a query in `induction/sql/icl/`": (
        lambda p: replace(p, "induction/sql/icl/positions.sql", "avg(loss)", "avg(loss + 0)"),
        CELLS,
    ),
    "a query in `induction/sql/claims/`": (
        lambda p: replace(p, "induction/sql/claims/icl.sql", "select", "select\n"),
        (),
    ),
    "a query in `induction/sql/report/`": (
        lambda p: replace(p, "induction/sql/report/curves.sql", "select", "select\n"),
        (),
    ),
    "a figure": (
        lambda p: replace(
            p, "induction/report/figures/frame.py", "import", "import math\nimport", once=True
        ),
        (),
    ),
    "code of `losses` alone, its numbers as before": (
        lambda p: replace(p, "stages/losses.py", "import", "import math\nimport", once=True),
        CELLS,
    ),
    "a comment anywhere": (appended("induction/models/transformer.py", "# x\n"), ()),
}


def replace(project: Project, path: str, old: str, new: str, once: bool = False) -> None:
    file = project.folder / path
    text = file.read_text()
    at = text.index(f"\n{old}") + 1 if once else text.index(old)
    file.write_text(text[:at] + new + text[at + len(old) :])


def expected(stages: list[str], cells: tuple[str, ...]) -> set[str]:
    return {
        name
        for stage in stages
        for name in ([f"{stage}@{cell}" for cell in cells] if stage in PER_CELL else [stage])
    }


def test_the_docs_have_a_row_for_every_change_and_a_change_for_every_row():
    assert list(rows()) == list(CHANGES)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CHANGES))
def test_exactly_what_the_docs_say_reruns(studied, tmp_path, name):
    change, cells = CHANGES[name]
    stages, which = rows()[name]
    assert which == ("–" if not cells else "all" if cells == CELLS else which)
    assert (which == "the new one") == (bool(cells) and not set(cells) & set(CELLS))
    project = studied.copy(tmp_path / "p")
    # What ran before must not hide in the run cache.
    project.run("rm", "-r", ".dvc/cache/runs", check=True)
    change(project)
    assert project.repro() - {"plan"} == expected(stages, cells)
    assert project.run("dvc", "repro").stdout.count("Running stage") == 0


@pytest.mark.slow
def test_a_removed_seed_leaves_the_aggregates_and_comes_back_without_work(studied, tmp_path):
    project = studied.copy(tmp_path / "p")
    before = project.params()
    param("cells.attn1_s1", {"model": "attn1", "seed": 1})(project)
    project.repro()
    project.edit(lambda _: before)
    project.run("rm", "-r", ".dvc/cache/runs", check=True)
    assert project.repro() == {"plan", *PER_GRID}
    assert set(project.metrics()) == set(CELLS)
    param("cells.attn1_s1", {"model": "attn1", "seed": 1})(project)
    ran = project.repro()
    assert "train@attn1_s1" not in ran, "dvc.lock and the cache still know it"
