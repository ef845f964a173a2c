"""The command line of the project."""

import ast
import importlib
import sys
from pathlib import Path

import click

from induction.cli import project
from induction.cli.streams import set_up
from induction.config.errors import StageError
from induction.config.utf8 import run_in_utf8
from induction.pipeline.environment import adopt

VERBS = (
    "study",
    "cost",
    "show",
    "query",
    "compare",
    "verify",
    "plan",
    "patterns",
    "lens",
    "bench",
    "jobs",
    "work",
    "readme",
    "questions",
)


class Verbs(click.Group):
    """Each verb is the `command` of a module of its name, imported when it is called: some need
    torch, and `induction query` should not wait for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return importlib.import_module(f"induction.cli.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, _about(verb)) for verb in VERBS])


def _about(verb: str) -> str:
    """The first line of a verb's module."""
    source = (Path(__file__).parent / f"{verb}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def verbs() -> None:
    """In-context learning and induction heads (Olsson et al. 2022) as a pipeline: run it, query its
    tables, compare runs."""


def main() -> None:
    """Exit status: 0, 1 with one line on standard error for what a user can mend, 2 for wrong
    arguments, 130 for Ctrl-C."""
    run_in_utf8()
    set_up()
    adopt()
    try:
        if not {"-h", "--help"} & set(sys.argv[1:]):
            project.enter()
        verbs.main(prog_name="induction")
    except StageError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
