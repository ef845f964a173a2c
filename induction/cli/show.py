"""Show each cell's result, and how long each stage took."""

import json

import click

from induction.config.names import PUBLISHED
from induction.pipeline.settings import read_study
from induction.report import results


@click.command
@click.option("--published", is_flag=True, help="Of the published run.")
@click.option("--times", "only_times", is_flag=True, help="Only the seconds, as JSON.")
def command(published: bool, only_times: bool) -> None:
    """Show each cell's result, and how long each stage took when it last ran here."""
    if only_times:
        print(json.dumps(results.seconds(results.TIMES), indent=2))
    else:
        print(results.overview(PUBLISHED if published else "", read_study()))
