"""The pages for people: links lead somewhere, and each page says at once whom it is for."""

import re
from pathlib import Path

import pytest

from induction.pipeline.declarations import stages
from induction.tables.contract import Table
from tests.project import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = {path.relative_to(ROOT).as_posix(): path for path in (
    ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS
)}  # fmt: skip
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Made by a run, or fetched; no clone begins with them.
MADE = ("../reports/circuits.html",)


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    lost = []
    for target in LINK.findall(prose(PAGES[name])):
        file, _, anchor = target.partition("#")
        if "://" in target or file in MADE:
            continue
        path = PAGES[name].parent / file if file else PAGES[name]
        if not path.exists() or (anchor and anchor not in anchors(path)):
            lost.append(target)
    assert not lost


def test_readme_links_every_page():
    linked = set(LINK.findall(prose(PAGES["README.md"])))
    assert {f"docs/{path.name}" for path in DOCS} <= linked


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_a_page_says_first_whom_it_is_for(path):
    title, first, *_ = path.read_text(encoding="utf-8").split("\n\n")
    assert title.startswith("# ") and re.match(r"For [^.]+\.", first)


def test_every_table_is_described():
    text = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    outputs = [output for stage in stages().values() for output in stage.outputs]
    tables = {output.name for output in outputs if isinstance(output, Table)}
    assert len(tables) > 40 and {name for name in tables if f"`{name}`" not in text} == set()
