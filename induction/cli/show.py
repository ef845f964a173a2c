"""Show each cell's result, and how long each stage took."""

import json

import click

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.pipeline.settings import read_study
from induction.report import estimate, results


@click.command
@click.option("--published", is_flag=True, help="Of the published run.")
@click.option("--times", "only_times", is_flag=True, help="Only the seconds, as JSON.")
@click.option(
    "--estimate",
    "only_estimate",
    is_flag=True,
    help="Only what the published run would take here, at the pace of the last `make study`.",
)
def command(published: bool, only_times: bool, only_estimate: bool) -> None:
    """Show each cell's result, and how long each stage took when it last ran here."""
    if only_estimate:
        study = read_study()
        if not study.published:
            raise StageError(
                "params.yaml: published: found no cells, expected those of the published run; add "
                "some"
            )
        print(estimate.table(estimate.estimate(study, [*study.published])))
    elif only_times:
        print(json.dumps(results.seconds(results.TIMES), indent=2))
    else:
        print(results.overview(PUBLISHED if published else "", read_study()))
