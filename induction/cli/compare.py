"""Compare two reports: params, measures, claims."""

from pathlib import Path

import click

from induction.cli.project import PathOfCaller
from induction.config.names import PUBLISHED
from induction.report.compare import page
from induction.report.compare.comparison import compare
from induction.report.revisions import WORKSPACE, read

SAME = "the reports and the params are the same, byte for byte"


@click.command
@click.argument("a")
@click.argument("b", default=WORKSPACE)
@click.option("--published", is_flag=True, help="Of both, the report of the published run.")
@click.option("--out", type=PathOfCaller(), help=f"The page; without it, a file in {page.PAGES}/.")
@click.option("--format", "form", default="markdown", type=click.Choice(["markdown", "json"]))
def command(a: str, b: str, published: bool, out: Path | None, form: str) -> None:
    """Show what changed from A to B: params, every measure of every cell, claims, each with its
    interval.

    A and B are each a Git revision (a branch, a tag, HEAD~1, a hash), the name of a DVC
    experiment, `workspace` (the files as they are here) or a folder that holds a report. Prints a
    table, and writes a page.
    """
    grid = PUBLISHED if published else ""
    comparison = compare(read(a, grid), read(b, grid))
    path = None if comparison.is_same else out or page.path_of(a, b, grid)
    if path is not None:
        page.publish(path, page.html(comparison))
    if form == "json":
        print(page.as_json(comparison, path))
    elif path is None:
        sides = ", ".join(f"{side.name} ({side.what})" for side in (comparison.a, comparison.b))
        print(f"{sides}: {SAME}")
    else:
        print(f"{page.markdown(comparison)}\npage: {path}")
