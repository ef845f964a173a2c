"""docs/questions.md: every query runs on any study, and every answer is that of the default one."""

import time

import pytest

from induction.config.errors import StageError
from induction.pipeline.environment import run
from induction.pipeline.settings import study_of
from induction.pipeline.views import open_views
from induction.report import questions
from induction.tables.question import questions as split
from tests.project import ROOT, Project

PAGE = (ROOT / questions.QUESTIONS).read_text(encoding="utf-8")
ASKED = {block[2]: (sql, block[0]) for block, sql in questions.queries(PAGE)}
SECONDS = 5  # each takes less than one; machines are shared


def head(block: str) -> list[str]:
    return [cell.strip() for cell in block.splitlines()[1].strip("|").split("|")]


@pytest.fixture(scope="module")
def on_small_study(studied):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(studied.folder)
        with open_views() as connection:
            yield connection


@pytest.fixture(scope="module")
def on_default_study():
    """The tables here, if they are the committed study's."""
    changed = run(["git", "diff", "--quiet", "HEAD", "--", "dvc.lock", "params.yaml"], cwd=ROOT)
    if changed.returncode:
        pytest.skip("dvc.lock or params.yaml is not as committed: the tables are another study's")
    cells = study_of(Project.committed()).cells
    folders = [ROOT / "data" / "icl" / cell for cell in cells] + [ROOT / "data" / "claims"]
    missing = [str(folder) for folder in folders if not folder.exists()]
    if missing:
        pytest.skip(f"{missing[0]} is not there: `make study` or `dvc pull` first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        with open_views() as connection:
            yield connection


def test_the_page_has_a_query_for_every_answer_and_a_sentence_after_it():
    assert PAGE.count("```sql") == PAGE.count("\n## ") == len(ASKED) == 11
    for name in ASKED:
        after = PAGE.partition(f"<!-- /{name} -->\n\n")[2]
        assert after and not after.startswith(("#", "`", "<")), name


@pytest.mark.parametrize("name", ASKED)
def test_every_query_runs_on_a_small_study_too(name, on_small_study):
    sql, block = ASKED[name]
    assert len(split(on_small_study, sql)) == 1
    assert on_small_study.sql(sql).columns == head(block)
    questions.answered(on_small_study, sql)


@pytest.mark.parametrize("name", ASKED)
def test_every_answer_is_what_the_tables_say(name, on_default_study):
    sql, block = ASKED[name]
    began = time.perf_counter()
    answer = questions.answered(on_default_study, sql)
    took = time.perf_counter() - began
    assert block == f"<!-- {name} -->\n{answer}<!-- /{name} -->", "run `make questions`"
    assert len(answer.splitlines()) > 2, "an answer has rows"
    assert took < SECONDS


def test_blocks_are_filled_from_the_query_above_and_nothing_else_is_touched(on_small_study):
    page = "# a\n\n```sql\nselect {n} as n\n```\n\n<!-- {name} -->\nstale\n<!-- /{name} -->\n\nb\n"
    pages = [page.replace("{n}", n).replace("{name}", name) for n, name in (("1", "x"), ("2", "y"))]
    filled = questions.filled("".join(pages), on_small_study)
    expected = [
        text.replace("stale\n", f"| n |\n| ---: |\n| {n} |\n")
        for text, n in zip(pages, "12", strict=True)
    ]
    assert filled == "".join(expected)


@pytest.mark.parametrize(("fences", "count"), [("", 0), ("```sql\nselect 1\n```\n" * 2, 2)])
def test_a_block_without_its_own_query_is_named(fences, count):
    page = f"```sql\nselect 1\n```\n<!-- a -->\n<!-- /a -->\n{fences}<!-- b -->\n<!-- /b -->\n"
    with pytest.raises(StageError, match=rf"block 'b': found {count} queries above it"):
        list(questions.queries(page))
