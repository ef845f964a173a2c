"""Where the command was called, and where the project is."""

import os
from pathlib import Path

import click

from induction.config.errors import StageError

# Paths of arguments are relative to it.
CALLED_IN = Path.cwd()
# The project whose code this is.
OURS = Path(__file__).resolve().parents[2]


def enter() -> None:
    """Change to the root of the project, which may be a folder further up.

    Raises StageError outside of it, and in a project with other code than this: the stages would
    run that, and their tables would be read by ours.
    """
    for folder in (CALLED_IN, *CALLED_IN.parents):
        if (folder / "params.yaml").exists() and (folder / "stages").is_dir():
            if not OURS.samefile(folder):
                raise StageError(
                    f"{folder}: found a project, but `induction` was installed from {OURS}, and "
                    f"would run the code there; run `make study` in {folder}, which installs it "
                    "from there, or `python -m induction.cli.main` in place of `induction`"
                )
            os.chdir(folder)
            return
    raise StageError(
        f"{CALLED_IN}: found no params.yaml here or in a folder above, expected the project; "
        "change to its folder"
    )


class PathOfCaller(click.Path):
    """A path as the caller means it, though the command runs in the root of the project."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = os.fsdecode(super().convert(value, param, ctx))
        return Path(os.path.relpath(CALLED_IN / path))
