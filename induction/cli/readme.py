"""Write the numbers of README.md from the published report."""

import sys

import click

from induction.pipeline.settings import read_study
from induction.report import readme
from induction.report.blocks import update


@click.command
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if it is out of date.")
def command(check: bool) -> None:
    """Write the numbers of README.md from the published report."""
    study, reports = read_study(), readme.read_reports()
    if odd := readme.other_cells(study, reports):
        print(
            f"{readme.README}: left as they are: blocks {', '.join(readme.BY_CELL)}; "
            f"{len(odd)} cells are only in {readme.METRICS} or only in params.yaml; "
            "`make published` makes the report of those in params.yaml",
            file=sys.stderr,
        )
    text = readme.filled(readme.README.read_text(encoding="utf-8"), study, reports)
    update(readme.README, text, check, "make readme")
