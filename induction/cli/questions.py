"""The answers of docs/questions.md, from the tables of the study.

`make questions` runs the query above every block `<!-- name --> … <!-- /name -->`, and writes its
result there; `--check` only says whether they are what the tables say.
"""

import argparse
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb

from induction.cli.query import export
from induction.cli.readme import BLOCK
from induction.config.errors import StageError
from induction.pipeline.views import open_views
from induction.tables.atomic import write

QUESTIONS = Path("docs/questions.md")
SQL = re.compile(r"^```sql\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def queries(text: str) -> Iterator[tuple[re.Match, str]]:
    """Each block of a page, with the query above it. Raises StageError for one without."""
    end = 0
    for block in BLOCK.finditer(text):
        above = SQL.findall(text, end, block.start())
        if len(above) != 1:
            raise StageError(
                f"{QUESTIONS}: block {block[2]!r}: found {len(above)} queries above it, expected "
                "one in a fence ```sql; correct the page"
            )
        yield block, above[0]
        end = block.end()


def answered(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    file = io.BytesIO()
    export(connection, sql, "markdown", file)
    return file.getvalue().decode()


def filled(text: str, connection: duckdb.DuckDBPyConnection) -> str:
    """The page with every block as the tables have it. Raises StageError if a query fails."""
    parts, end = [], 0
    for block, sql in queries(text):
        parts += [text[end : block.start()], block[1], answered(connection, sql), block[3]]
        end = block.end()
    return "".join([*parts, text[end:]])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m induction.cli.questions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if out of date")
    check_only = parser.parse_args().check
    try:
        before = QUESTIONS.read_text(encoding="utf-8")
        after = filled(before, open_views())
    except StageError as error:
        sys.exit(f"error: {error}")
    if before != after and check_only:
        sys.exit(f"error: {QUESTIONS}: not what the tables say; run `make questions`")
    if before != after:
        write(QUESTIONS, after.encode())
        print(f"{QUESTIONS}: written anew", file=sys.stderr)


if __name__ == "__main__":
    main()
