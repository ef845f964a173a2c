"""Write the numbers of README.md and docs/ from the report that they show."""

import sys

import click

from induction.pipeline.settings import read_study
from induction.report.blocks import update
from induction.report.readme import pages, shown


@click.command
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a page is out of date.")
def command(check: bool) -> None:
    """Write the numbers of README.md, docs/results.md and docs/performance.md from the report that
    they show."""
    study, reports = read_study(), shown.read_reports()
    if odd := shown.other_cells(study, reports):
        print(
            f"blocks about single cells are left as they are: {len(odd)} cells are only in the "
            f"report in {shown.FOLDER} or only in params.yaml; make the report of those in "
            "params.yaml first",
            file=sys.stderr,
        )
    for page in pages.PAGES:
        text = pages.filled(page, page.read_text(encoding="utf-8"), study, reports)
        update(page, text, check, "make readme")
