"""Write dvc.yaml from params.yaml and what the stages declare."""

import click

from induction.config.errors import StageError
from induction.pipeline import plan
from induction.pipeline.settings import read_study


@click.command
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if it is out of date.")
def command(check: bool) -> None:
    """Write dvc.yaml and published/dvc.yaml from params.yaml and what the stages declare.

    `make study` does this first.
    """
    study = read_study()
    if not check:
        plan.update(study)
    elif outdated := plan.outdated(study):
        names = ", ".join(map(str, outdated))
        raise StageError(f"{names}: found other stages than params.yaml asks for; run `make plan`")
