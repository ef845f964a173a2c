"""Run the study: every stage that params.yaml asks for and that is out of date."""

import shlex
import sys
from pathlib import Path

import click

from induction.cli.running import GO_ON, Request, bring_up_to_date
from induction.config.errors import StageError
from induction.config.remedy import put_right
from induction.pipeline.cluster.coordinator import Order
from induction.pipeline.disks import check_one_disk
from induction.pipeline.engines.local import handle_termination
from induction.pipeline.engines.registry import LOCAL, SCHEDULERS
from induction.pipeline.locks import exclusive
from induction.pipeline.repository import check_git

MOST = 1_000  # tasks at a time where nobody says how many: as many as Slurm takes in an array


@click.command
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Cells at a time: here, among which the cores are divided, 1 unless it is given; on a "
    "cluster, tasks at a time, all of them unless it is given.",
)
@click.option(
    "--first",
    multiple=True,
    metavar="CELL",
    help="This cell before all others; may be given several times.",
)
@click.option(
    "--cells",
    "names",
    multiple=True,
    metavar="CELL",
    help="Only this cell, and nothing that joins cells; may be given several times.",
)
@click.option("--published", is_flag=True, help="The published run, too: see params.yaml.")
@click.option(
    "--share",
    is_flag=True,
    help="Take from the DVC remote what others have computed, and give it what is computed here.",
)
@click.option(
    "--on",
    type=click.Choice([LOCAL, *SCHEDULERS]),
    default=LOCAL,
    help="Where cells run: on this machine, or on a cluster; see docs/scale.md.",
)
@click.option(
    "--shared",
    type=click.Path(path_type=Path, resolve_path=True),
    metavar="FOLDER",
    help="On a cluster: a folder that all of its nodes see.",
)
@click.option(
    "--pack",
    type=click.IntRange(min=1),
    default=1,
    help="On a cluster: cells in one task, side by side; small ones share a GPU well.",
)
@click.option(
    "--options",
    default="",
    help='On a cluster: options of its scheduler, as "--gres=gpu:1 --time=12:00:00".',
)
@click.option(
    "--python",
    default=sys.executable,
    help="On a cluster: this project's Python on the nodes, if it is not at the same path as here.",
)
def command(
    jobs: int | None,
    first: tuple[str, ...],
    names: tuple[str, ...],
    published: bool,
    share: bool,
    on: str,
    shared: Path | None,
    pack: int,
    options: str,
    python: str,
) -> None:
    """Run the study: every stage that params.yaml asks for and that is out of date.

    The result of each cell is printed as soon as it is there, before what takes its model apart.
    Cells come in the order of params.yaml (with several jobs, those that take longest first).

    Whatever stops it, the same command goes on from there: training from its last state, anything
    else from its last whole stage. On a cluster, Ctrl-C leaves the jobs alone.
    """
    handle_termination()
    order = None
    if on != LOCAL:
        if shared is None:
            raise StageError(
                "--shared: found nothing, expected a folder that all nodes see; give one "
                "(make: SHARED=/lab/x)"
            )
        if share:
            raise StageError("--share: found beside --on, expected one of them; leave one away")
        order = Order(on, str(shared), python, jobs or MOST, pack, shlex.split(options))
    try:
        check_git()
        check_one_disk()
        with exclusive("study"):
            request = Request(jobs or 1, list(first), list(names), published, share, order)
            sys.exit(bring_up_to_date(request))
    except KeyboardInterrupt:
        print(f"\nstopped; {GO_ON}", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        raise StageError(
            f"{error.filename or 'a file'}: {error.strerror or error}; {put_right(error.errno)}, "
            f"then {GO_ON}"
        ) from None
