"""A comparison as a page, as Markdown and as JSON."""

import json
import re
from dataclasses import asdict
from pathlib import Path

from induction.config.errors import StageError
from induction.config.paths import SCRATCH
from induction.report.compare import figures, wording
from induction.report.compare.comparison import Comparison
from induction.report.formatting import escape_pipes
from induction.report.rendering import encode, render
from induction.tables.atomic import write

PAGES = SCRATCH / "compare"


def html(comparison: Comparison) -> str:
    """A page with nothing in it but what the two reports say."""
    svgs = {
        name: encode(str(draw(rows)))
        for name, draw, rows in (
            ("both", figures.values, wording.value_rows(comparison)),
            ("changes", figures.changes, wording.change_rows(comparison)),
        )
        if rows
    }
    return render("compare.html", {"comparison": comparison, "wording": wording, "svgs": svgs})


def path_of(a: str, b: str, grid: str) -> Path:
    """The page of a comparison: one per pair of names."""
    safe = [re.sub(r"[^\w~^@.-]+", "_", name, flags=re.ASCII)[:80].lstrip(".-_") for name in (a, b)]
    return PAGES / f"{'..'.join(safe)}{f'.{grid}' if grid else ''}.html"


def publish(path: Path, text: str) -> None:
    """Raises StageError if it cannot be written there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text.encode())
    except OSError as error:
        raise StageError(
            f"{path}: not writable: {error.strerror}; name another file with --out"
        ) from None


def markdown(comparison: Comparison) -> str:
    """What changed, and what was not compared; the page has the rest."""
    a, b = comparison.a, comparison.b
    parts = [f"A: {a.name}, {a.what}\nB: {b.name}, {b.what}\n"]
    for table in wording.tables(comparison):
        parts.append(f"## {table.title}\n")
        parts.extend(f"{note}\n" for note in table.notes)
        parts.extend([_aligned([table.head, *table.rows])] if table.rows else [])
    return "\n".join(parts)


def _aligned(rows: list[list[str]]) -> str:
    """A table in Markdown, its columns aligned."""
    cells = [[escape_pipes(text) for text in row] for row in rows]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = (
        " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "".join(f"| {line} |\n" for line in lines)


def as_json(comparison: Comparison, page: Path | None) -> str:
    """Numbers in full; `status` says of which measures a side knows nothing."""
    params, claims = comparison.params, comparison.claims
    a, b = comparison.a, comparison.b
    content = {
        "a": {"name": a.name, "what": a.what, "only": comparison.only("a")},
        "b": {"name": b.name, "what": b.what, "only": comparison.only("b")},
        "same": comparison.is_same,
        "evaluation": comparison.evaluation,
        "identical": comparison.identical(),
        "params": None if params is None else [change._asdict() for change in params],
        "cells": [asdict(row) | {"measure": row.measure.key} for row in comparison.rows],
        "seeds": [asdict(mean) | {"measure": mean.measure.key} for mean in comparison.means],
        "claims": None
        if claims is None
        else [asdict(claim) | {"rank": claim.rank} for claim in claims],
        "page": None if page is None else str(page),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
