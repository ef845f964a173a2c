"""The report that README and docs/results.md show, and its files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from induction.config.cells import Cell
from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import REPORTS
from induction.config.study import Study

# Of the published run, PUBLISHED; of the default study, "".
GRID = PUBLISHED
FOLDER = REPORTS / GRID
TIMES = "induction/report/templates/report/times.json"


@dataclass(frozen=True)
class Reports:
    """The content of each file."""

    metrics: dict[str, Any]
    claims: list[dict[str, Any]]
    circuits: dict[str, Any]
    times: dict[str, Any]
    answer: dict[str, Any]


def read_reports() -> Reports:
    """Raises StageError if a file is missing."""
    metrics, claims, circuits, answer = (
        _read((FOLDER / f"{name}.json").as_posix())
        for name in ("metrics", "claims", "circuits", "answer")
    )
    return Reports(metrics, claims, circuits, _read(TIMES), answer)


def _read(name: str) -> Any:
    try:
        return json.loads(Path(name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        made = "`make published` makes it" if GRID == PUBLISHED else "`make study` makes it"
        remedy = "restore it from Git" if name == TIMES else made
        raise StageError(f"{name}: not found; {remedy}") from None


def cells(study: Study) -> dict[str, Cell]:
    """The cells of the grid that is shown, by name, sorted."""
    return {name: study.every_cell[name] for name in study.grids().get(GRID, [])}


def other_cells(study: Study, reports: Reports) -> list[str]:
    """Cells that only one of params.yaml and the report has, sorted."""
    return sorted(reports.metrics["cells"].keys() ^ cells(study).keys())
