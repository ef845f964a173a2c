"""The answers of docs/questions.md: each block has the result of the query above it."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from induction.config.errors import StageError
from induction.report.blocks import BLOCK, fill
from induction.report.export import export

QUESTIONS = Path("docs/questions.md")
SQL = re.compile(r"^```sql\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def queries(text: str) -> Iterator[tuple[re.Match, str]]:
    """Each block of a page, with the query above it. Raises StageError if that is not one query."""
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
    sql = {block[2]: query for block, query in queries(text)}
    return fill(text, lambda name: answered(connection, sql[name]))


def updated(connection: duckdb.DuckDBPyConnection) -> str:
    return filled(QUESTIONS.read_text(encoding="utf-8"), connection)
