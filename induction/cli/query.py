"""Query the tables with SQL."""

import os
import shutil
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

import click
import duckdb

from induction.cli.project import PathOfCaller
from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import DATA
from induction.pipeline.views import open_views
from induction.report.export import FORMATS, export
from induction.tables.listing import LISTING
from induction.tables.question import answer, questions

MAX_ROWS, MAX_WIDTH = 200, 200
TABLES = """
    select table_name, any_value(grain) as one_row_per, any_value(about) as about
    from catalog
    where not starts_with(table_name, 'published.')
    group by table_name
    order by table_name
"""
COLUMNS = """
    select column_name, type, unit, is_nullable, stage
    from catalog
    where table_name = '{name}'
    order by place
"""
# Folders of DVC and Git: what is written there, they would take for theirs.
KEPT = ((str(DATA),), (".dvc",), (".git",))


def run(connection: duckdb.DuckDBPyConnection, sql: str, width: int = MAX_WIDTH) -> None:
    """Print the result of each statement. Raises StageError for what is no question."""
    for question in questions(connection, sql):
        answer(connection, question, lambda result: result.show(max_rows=MAX_ROWS, max_width=width))


def about(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """The query for the tables, or for the columns of one. Raises StageError if there is none."""
    if not name:
        return TABLES
    rows = connection.sql(f"select distinct table_name from {LISTING.name}").fetchall()
    names = sorted(table for (table,) in rows)
    if name not in names:
        near = get_close_matches(name, names) or names
        raise StageError(f"query: found no table {name!r}, expected one like {', '.join(near)}")
    return COLUMNS.format(name=name)


def prompt(connection: duckdb.DuckDBPyConnection) -> None:
    """Read queries until end of input; an error costs its query, not the session."""
    run(connection, TABLES, width=shutil.get_terminal_size((MAX_WIDTH, 0)).columns)
    if connection.sql(
        "from catalog where starts_with(table_name, 'published.') limit 1"
    ).fetchall():
        print(f"{PUBLISHED}.icl and so on: the same of the published run")
    print("columns and units: select * from catalog where table_name = 'icl';")
    print("end a query with ; — leave with Ctrl-D")
    lines: list[str] = []
    while True:
        try:
            lines.append(input("... " if lines else "sql> "))
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if lines[-1].rstrip().endswith(";"):
            try:
                run(connection, "\n".join(lines))
            except StageError as error:
                print(f"error: {error}", file=sys.stderr)
            lines = []


def new_file(path: Path) -> BinaryIO:
    """A file to write. Raises StageError outside the project, among its data, or if it exists."""
    project, place = Path.cwd(), path.resolve()
    if not place.is_relative_to(project) or place.relative_to(project).parts[:1] in KEPT:
        raise StageError(
            f"--out: found {path}, expected a file in this project, outside "
            f"{', '.join(name for (name,) in KEPT)}; choose another, or use `>`"
        )
    try:
        return open(place, "xb")
    except FileExistsError:
        raise StageError(f"--out: {path} exists; remove it, or choose another name") from None
    except OSError as error:
        raise StageError(f"--out: {path}: {error.strerror}; choose another name") from None


def write(connection: duckdb.DuckDBPyConnection, sql: str, form: str, out: Path | None) -> None:
    if out is None:
        if form == "parquet" and sys.stdout.isatty():
            raise StageError("--format parquet: not for a terminal; add --out FILE, or `> FILE`")
        export(connection, sql, form, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with new_file(out) as file:
        try:
            export(connection, sql, form, file)
        except BaseException:
            out.unlink()
            raise


@click.command
@click.argument("sql", required=False)
@click.option("--catalog", is_flag=True, help="List the tables.")
@click.option("--table", metavar="TABLE", help="List the columns of a table, with their units.")
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), help="All rows, not a box of the first."
)
@click.option("--out", type=PathOfCaller(), metavar="FILE", help="With --format: a new file.")
def command(
    sql: str | None, catalog: bool, table: str | None, form: str | None, out: Path | None
) -> None:
    """Query the tables: one view per table of the study, read-only.

    SQL is a query; - reads it from standard input; without one, there is a prompt.

    \b
        induction query "select cell, max(prefix_matching) from heads group by cell"
        induction query - < query.sql
        induction query --format csv "from icl" > icl.csv

    The view `catalog` lists every column of every table, with type, unit and grain. Tables that
    exist once per cell have a column `cell`. After `make published`, `published.icl` and so on
    hold the published run. A query opens no file but the tables, and writes none.
    """
    if sum((sql is not None, catalog, table is not None)) > 1:
        raise click.UsageError("expected one of a query, --catalog and --table")
    if out and not form:
        raise click.UsageError("found --out without --format, expected both")
    if form and sql is None and not catalog and table is None:
        raise click.UsageError("found --format without a query, expected one")
    try:
        connection = open_views()
        if sql == "-":
            sql = sys.stdin.read()
        elif catalog or table is not None:
            sql = about(connection, table or "")
        if form:
            write(connection, sql or "", form, out)
        elif sql is not None:
            run(connection, sql)
        else:
            prompt(connection)
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has seen enough. Python would flush at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
