"""Say what is left to do: operations, minutes here, bytes on disk and to download."""

import click

from induction.pipeline import pending, plan
from induction.pipeline.estimate import estimate, work_left
from induction.pipeline.repository import check_git
from induction.pipeline.settings import read_published, read_study
from induction.pipeline.work import outdated
from induction.report import cost


@click.command
@click.option("--published", is_flag=True, help="The published run, too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(published: bool, as_json: bool) -> None:
    """Say what `make study` has left to do: for each cell and stage that is out of date, floating-
    point operations, minutes on this machine, and MB on disk; for a suite also the download.

    Computes for up to ten seconds to find how fast this machine is, trains nothing, and keeps
    nothing; while others use the machine, it is slower. Brings dvc.yaml up to date first.
    """
    check_git()
    study = read_published() if published else read_study()
    plan.update(study)
    asked = pending.everything(study, published)
    left = pending.left(study, outdated(asked), asked)
    forecast = estimate(*work_left(study, left))
    if as_json:
        print(cost.as_json(forecast))
    else:
        print(cost.table(forecast) if forecast.work else cost.NOTHING)
