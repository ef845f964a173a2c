"""The pages that show results: every number in their blocks is written from a report's files.

So no number is older than the run that it is about.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from induction.config.errors import StageError
from induction.config.study import Study
from induction.report.blocks import fill
from induction.report.figures.registry import FIGURES
from induction.report.readme import claims, sentences, shown, tables
from induction.report.readme.shown import Reports

README = Path("README.md")
RESULTS = Path("docs/results.md")
PERFORMANCE = Path("docs/performance.md")
PAGES = (README, RESULTS, PERFORMANCE)


@dataclass(frozen=True)
class Block:
    """Those `by_cell` need params.yaml to say what each cell of the report is."""

    write: Callable[[Study, Reports, Path], str]
    by_cell: bool = False


def _of_cells(write: Callable[[Study, Reports], str]) -> Block:
    return Block(lambda study, reports, page: write(study, reports), by_cell=True)


def _of_reports(write: Callable[[Reports], str]) -> Block:
    return Block(lambda study, reports, page: write(reports))


def link(page: Path, file: str) -> str:
    """A file of the report that is shown, as seen from a page."""
    return Path(os.path.relpath(shown.FOLDER / file, page.parent)).as_posix()


def source(study: Study, reports: Reports, page: Path) -> str:
    files = {"summary": "summary.md", "claims": "claims.json", "all numbers": "metrics.json"}
    links = ", ".join(f"[{text}]({link(page, file)})" for text, file in files.items())
    return f"The numbers are those of {sentences.grid(study)}: {links}.\n"


def picture(name: str, study: Study, reports: Reports, page: Path) -> str:
    """A figure with its caption, whose first sentence is read out in its place; on README, which
    is to be short, without."""
    caption = next(entry.caption for entry in FIGURES if entry.name == name)
    image = f"![{caption.partition('. ')[0].rstrip('.')}.]({link(page, f'figures/{name}.svg')})\n"
    return image if page == README else f"{image}\n*{caption}*\n"


BLOCKS: dict[str, Block] = {
    "source": Block(source, by_cell=True),
    "findings": _of_reports(sentences.findings),
    "compared": _of_reports(partial(sentences.plain, key="compared_sentence")),
    "limits": _of_reports(partial(sentences.plain, key="limits")),
    "smearing": _of_reports(partial(sentences.bullets, key="smearing")),
    "weights": _of_reports(partial(sentences.bullets, key="weights")),
    "commands": _of_reports(sentences.commands),
    "times": _of_reports(tables.times),
    "change": _of_cells(sentences.change),
    "best_heads": _of_cells(sentences.heads),
    "circuit": _of_cells(sentences.circuit),
    "models": _of_cells(tables.models),
    "heads": _of_cells(tables.heads),
    "matched": _of_cells(tables.matched),
    "circuits": _of_cells(tables.circuits),
    "variations": _of_cells(tables.variations),
    "verdicts": _of_reports(claims.verdicts),
    "failures": _of_reports(claims.failures),
    **{
        f"claims_{question}": _of_reports(partial(claims.judged, question=question))
        for question in claims.QUESTIONS
    },
    **{
        f"figure_{entry.name}": Block(partial(picture, entry.name))
        for entry in FIGURES
        if entry.is_file
    },
}


def filled(page: Path, text: str, study: Study, reports: Reports) -> str:
    """A page with its blocks as the reports have them. While params.yaml has `other_cells` than
    the report, blocks by cell stay as they are. Raises StageError for an unknown block."""
    has_other_cells = bool(shown.other_cells(study, reports))

    def content(name: str) -> str | None:
        if name not in BLOCKS:
            raise StageError(f"{page}: found block {name!r}, expected one of {', '.join(BLOCKS)}")
        block = BLOCKS[name]
        return None if block.by_cell and has_other_cells else block.write(study, reports, page)

    return fill(text, content)
