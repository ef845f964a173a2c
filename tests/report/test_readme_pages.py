"""README and docs/results.md as they are: the numbers of the committed report, and no others."""

import pytest

from induction.claims.registry import DEFINITIONS
from induction.pipeline.settings import study_of
from induction.report.blocks import BLOCK
from induction.report.figures.registry import FIGURES
from induction.report.readme import pages, shown
from tests.numbers import known_numbers, stray_numbers
from tests.project import ROOT, Project

RESULTS = {
    page: (ROOT / page).read_text(encoding="utf-8") for page in (pages.README, pages.RESULTS)
}


def test_the_pages_are_what_the_reports_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    study, reports = study_of(Project.committed()), shown.read_reports()
    used = []
    for page in pages.PAGES:
        text = page.read_text(encoding="utf-8")
        used += [block[2] for block in BLOCK.finditer(text)]
        assert pages.filled(page, text, study, reports) == text
    assert sorted({*used}) == sorted(pages.BLOCKS), "every block is shown somewhere"


def test_the_pages_show_every_figure_that_is_a_file():
    text = "".join(RESULTS.values())
    names = {entry.name for entry in FIGURES if entry.is_file}
    assert {name for name in names if f"<!-- figure_{name} -->" in text} == names


def test_readme_has_at_most_a_thousand_words():
    """Those of code count, and every number."""
    assert len(RESULTS[pages.README].split()) <= 1000


# Numbers between the blocks that no param holds, and no measured time.
NAMED = {
    "2022": "the year of the paper",
    "2.0": "of the licence",
    "3.11": "Python",
    "450": "tokens by which the matched score moves the text: 490 − 40",
    "10,000": "evaluation sequences of the paper",
}


@pytest.mark.parametrize("page", RESULTS)
def test_every_number_stands_in_a_report_or_in_params(page):
    """Between the blocks none is a result: it is a setting, or named above."""
    text = RESULTS[page]
    settings = known_numbers((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings += known_numbers((ROOT / shown.TIMES).read_text(encoding="utf-8"))
    assert not stray_numbers(BLOCK.sub(" ", text), settings) - NAMED.keys()
    # The other files of the folder say how it was made.
    names = ("metrics.json", "claims.json", "circuits.json", "answer.json", "summary.md")
    files = [ROOT / shown.FOLDER / name for name in names]
    report = [n for file in files for n in known_numbers(file.read_text("utf-8"))]
    counts = [float(count) for count in range(len(DEFINITIONS) + 1)]
    blocks = "\n".join(block[3] for block in BLOCK.finditer(text))
    assert not stray_numbers(blocks, settings + report + counts)


def test_a_number_that_stands_nowhere_is_noticed():
    known = known_numbers('{"a": -0.4661, "b": [1228800, 4_096], "c": "3,069 of 7e-05", "d": "x9"}')
    assert known == [0.4661, 1228800.0, 4096.0, 3069.0, 7e-05]
    kept = "0.47 and -0.466, 47 %, 1.23 M – 1.2 M, [3,069, 4,096], 68 min 16 s, `8`, [x](8), L1H1"
    assert stray_numbers(kept, known) == set()
    assert stray_numbers("0.467 46 % 1.24 M 3,070 0.4 68 min 15 s\n```\n8\n```", known) == {
        "0.467", "46", "1.24", "3,070", "0.4", "4095"
    }  # fmt: skip
