"""Say what is left to do: operations, minutes here, bytes; or what a study takes on GPUs."""

from pathlib import Path

import click

from induction.cli.project import PathOfCaller
from induction.pipeline import pending, plan
from induction.pipeline.estimate import estimate, work_left
from induction.pipeline.repository import check_git
from induction.pipeline.scale import Gpu, scale_of
from induction.pipeline.settings import read_published, read_study
from induction.pipeline.work import outdated
from induction.report import cost, query_times, scale

# What NVIDIA states for an H100 SXM, without sparsity: bf16 on tensor cores, and fp32 without them,
# in which checkpoints are measured. The share is that of well-tuned training of larger models.
PEAK, MEASURING_PEAK, SHARE = 989.0, 67.0, 0.4
RATE = click.FloatRange(min=0, min_open=True)


@click.command
@click.option("--published", is_flag=True, help="The published run, too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option(
    "--params",
    "path",
    type=PathOfCaller(exists=True, dir_okay=False),
    help="All of this params file, from nothing, on GPUs.",
)
@click.option("--peak", default=PEAK, type=RATE, help="TFLOP/s of a GPU in training.")
@click.option(
    "--measuring-peak", default=MEASURING_PEAK, type=RATE, help="TFLOP/s of it in what measures."
)
@click.option(
    "--share", default=SHARE, type=click.FloatRange(0, 1, min_open=True), help="Of these, reached."
)
def command(
    published: bool,
    as_json: bool,
    path: Path | None,
    peak: float,
    measuring_peak: float,
    share: float,
) -> None:
    """Say what `make study` has left to do: for each cell and stage that is out of date, floating-
    point operations, minutes on this machine, and MB on disk; for a suite also the download.

    Computes for up to ten seconds to find how fast this machine is, trains nothing, and keeps
    nothing; while others use the machine, it is slower. Brings dvc.yaml up to date first.

    With --params, which says nothing of what is left: all that this file asks for, from nothing,
    with hours on a GPU that reaches a share of its peak. Nothing is measured for it, or written.
    """
    if path:
        gpu = Gpu(peak * scale.TERA, measuring_peak * scale.TERA, share)
        asked = scale_of(read_study(path), published), gpu, query_times.load()
        print(scale.as_json(str(path), *asked) if as_json else scale.table(str(path), *asked))
        return
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
