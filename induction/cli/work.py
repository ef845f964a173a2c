"""Work for one cell of a study on a cluster: what worker.sh runs."""

import sys
from pathlib import Path

import click

from induction.pipeline.cluster.preflight import CHECK
from induction.pipeline.cluster.shared_folder import RunFolder
from induction.pipeline.cluster.worker import look, work_for
from induction.pipeline.settings import read_study
from induction.report import results


@click.command
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("cell")
def command(folder: Path, cell: str) -> None:
    """Run what is left of CELL, in a clone that was made for it, with the shared FOLDER of a run.
    With @check for a cell, say what this machine is like, and run nothing.

    worker.sh runs this on every machine of a cluster; you need not.
    """

    if cell == CHECK:
        look(RunFolder(folder))
        return

    def describe(name: str, seconds: float) -> str:
        return results.line(name, read_study(), seconds)

    sys.exit(work_for(RunFolder(folder), cell, describe))
