"""Compare two reports: params, measures, claims."""

import base64
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import jinja2

from induction.cli.project import PathOfCaller
from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import SCRATCH
from induction.report.compare import wording
from induction.report.compare.comparison import Comparison, compare
from induction.report.figures import compare as figures
from induction.report.formatting import piped
from induction.report.revisions import WORKSPACE, read
from induction.tables.atomic import write

TEMPLATES = Path(__file__).parent.parent / "report" / "templates"
PAGES = SCRATCH / "compare"
SAME = "the reports and the params are the same, byte for byte"


def page(found: Comparison) -> str:
    """The page: nothing in it but what the two reports say."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    drawn = {
        name: base64.b64encode(str(draw(rows)).encode()).decode()
        for name, draw, rows in (
            ("both", figures.values, wording.drawn_values(found)),
            ("changes", figures.changes, wording.drawn_changes(found)),
        )
        if rows
    }
    context = {"found": found, "spelled": spelled, "svgs": drawn}
    return environment.get_template("compare.html.j2").render(context)


def place_of(a: str, b: str, grid: str) -> Path:
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


def aligned(rows: list[list[str]]) -> str:
    """A table in Markdown, its columns aligned."""
    cells = [[piped(text) for text in row] for row in rows]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = (
        " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "".join(f"| {line} |\n" for line in lines)


def markdown(found: Comparison) -> str:
    """What changed, and what was not compared; the page has the rest."""
    parts = [f"A: {found.a.name}, {found.a.what}\nB: {found.b.name}, {found.b.what}\n"]
    for title, notes, head, rows in wording.tables(found):
        parts.append(f"## {title}\n")
        parts.extend(f"{note}\n" for note in notes)
        parts.extend([aligned([head, *rows])] if rows else [])
    return "\n".join(parts)


def as_json(found: Comparison, path: Path | None) -> str:
    """Numbers in full; `status` says of which measures a side knows nothing."""
    own: dict[str, Any] = {
        side: {"name": known.name, "what": known.what, "only": found.only(side)}
        for side, known in (("a", found.a), ("b", found.b))
    }
    own |= {
        "same": found.is_same,
        "evaluation": found.evaluation,
        "identical": found.identical(),
        "params": None
        if found.params is None
        else [dict(zip(("key", "a", "b"), row, strict=True)) for row in found.params],
        "cells": [asdict(row) | {"measure": row.measure.key} for row in found.rows],
        "seeds": [asdict(mean) | {"measure": mean.measure.key} for mean in found.means],
        "claims": None
        if found.claims is None
        else [asdict(claim) | {"rank": claim.rank} for claim in found.claims],
        "page": None if path is None else str(path),
    }
    return json.dumps(own, indent=2, ensure_ascii=False, allow_nan=False)


@click.command
@click.argument("a")
@click.argument("b", default=WORKSPACE)
@click.option("--published", is_flag=True, help="Of both, the report of the published run.")
@click.option("--out", type=PathOfCaller(), help=f"The page; without it, a file in {PAGES}/.")
@click.option("--format", "form", default="markdown", type=click.Choice(["markdown", "json"]))
def command(a: str, b: str, published: bool, out: Path | None, form: str) -> None:
    """Show what changed from A to B: params, every measure of every cell, claims, each with its
    interval.

    A and B are each a Git revision (a branch, a tag, HEAD~1, a hash), the name of a DVC
    experiment, `workspace` (the files as they are here) or a folder that holds a report. Prints a
    table, and writes a page.
    """
    grid = PUBLISHED if published else ""
    found = compare(read(a, grid), read(b, grid))
    path = None if found.is_same else out or place_of(a, b, grid)
    if path is not None:
        publish(path, page(found))
    if form == "json":
        print(as_json(found, path))
    elif path is None:
        print(f"{found.a.name} ({found.a.what}), {found.b.name} ({found.b.what}): {SAME}")
    else:
        print(f"{markdown(found)}\npage: {path}")
