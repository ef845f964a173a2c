"""Blocks of Markdown pages that commands write: `<!-- name --> … <!-- /name -->`."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from induction.config.errors import StageError
from induction.tables.atomic import write

BLOCK = re.compile(r"(<!-- (\w+) -->\n)(.*?)(<!-- /\2 -->)", re.DOTALL)


def fill(text: str, content: Callable[[str], str | None]) -> str:
    """The page with the content of every block, by its name; without any it stays as it is."""

    def filled(block: re.Match[str]) -> str:
        new = content(block[2])
        return f"{block[1]}{block[3] if new is None else new}{block[4]}"

    return BLOCK.sub(filled, text)


def update(path: Path, text: str, check: bool, remedy: str) -> None:
    """Write a page that has changed; to `check` it, raise StageError instead."""
    if path.read_text(encoding="utf-8") == text:
        return
    if check:
        raise StageError(f"{path}: out of date; run `{remedy}`")
    write(path, text.encode())
    print(f"{path}: updated", file=sys.stderr)
