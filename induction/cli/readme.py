"""Write the numbers of README.md from the published report."""

import click

from induction.pipeline.settings import read_study
from induction.report import readme
from induction.report.blocks import update


@click.command
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if it is out of date.")
def command(check: bool) -> None:
    """Write the numbers of README.md from the published report."""
    update(readme.README, readme.updated(read_study()), check, "make readme")
