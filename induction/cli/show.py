"""Show what the study found, in the terminal."""

import json
import os
import shutil
import sys

import click

from induction.cli.streams import in_ascii
from induction.pipeline.settings import read_published, read_study
from induction.report import results
from induction.report.character_plot import Screen
from induction.report.overview import everything


@click.command
@click.option("--published", is_flag=True, help="Of the published run.")
@click.option("--times", "only_times", is_flag=True, help="Only the seconds, as JSON.")
def command(published: bool, only_times: bool) -> None:
    """Show what the study found: which models change, where, which heads do it, what failed.

    On a terminal it also draws in-context learning over training. Set NO_COLOR for plain ASCII.
    It reads the files of the report alone, which are in Git.
    """
    if only_times:
        print(json.dumps(results.seconds(results.TIMES), indent=2))
        return
    study, screen = read_published() if published else read_study(), terminal()
    text = everything(published, study, screen)
    print(in_ascii(text) if screen and screen.is_ascii else text)


def terminal() -> Screen | None:
    """What standard output can show; None if it is no terminal."""
    if not sys.stdout.isatty():
        return None
    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"
    try:
        "⣿━–“".encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        is_plain = True
    return Screen(shutil.get_terminal_size().columns, is_plain)
