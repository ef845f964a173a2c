"""List the cells of a study on a cluster: state, stage, how far, node, log."""

import click

from induction.config.errors import StageError
from induction.pipeline.cluster.coordinator import current
from induction.pipeline.engines.engine import Away

HEADS = ("cell", "state", "at", "node", "minutes", "log")


@click.command
@click.option("--cancel", is_flag=True, help="End what runs, and forget what waits.")
def command(cancel: bool) -> None:
    """List the cells of the study that this folder began on a cluster: state, stage and which share
    of it is done, node, minutes of ended attempts, and log.

    What runs goes on whether anybody looks or not; `make study ON=…` attaches to it again.
    """
    engine = current()
    try:
        if cancel:
            engine.cancel()
            print(f"cancelled: {', '.join(engine.jobs)}; finished stages and trainings are kept")
            return
        states = engine.states()
    except Away as error:
        raise StageError(f"{error}; try again later: what runs goes on") from None
    rows = [
        (
            cell,
            s.phase,
            "see below" if s.phase == "failed" else s.says,
            s.node,
            f"{s.seconds / 60:.1f}",
            str(engine.log(cell)),
        )
        for cell, s in states.items()
    ]
    widths = [max(len(row[i]) for row in [HEADS, *rows]) for i in range(len(HEADS))]
    for row in (HEADS, *rows):
        print(
            "  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip()
        )
    for cell, s in states.items():
        if s.phase == "failed":
            print(f"{cell}: {s.says}")
