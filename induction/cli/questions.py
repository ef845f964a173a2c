"""Write the answers of docs/questions.md from the tables."""

import click

from induction.pipeline.views import open_views
from induction.report import questions
from induction.report.blocks import update


@click.command
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if it is out of date.")
def command(check: bool) -> None:
    """Write the answers of docs/questions.md from the tables."""
    update(questions.QUESTIONS, questions.updated(open_views()), check, "make questions")
