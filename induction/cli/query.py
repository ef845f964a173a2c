"""Ask the tables: one view per table of the study, read-only.

    python -m induction.cli.query "select cell, max(prefix_matching) from heads group by cell"
    python -m induction.cli.query                  (a prompt; end a query with ;)
    python -m induction.cli.query - < query.sql
    python -m induction.cli.query --catalog        (the tables; with a name, its columns and units)
    python -m induction.cli.query --format csv "from icl" > icl.csv

The view `catalog` lists every column of every table, with type, unit and grain. Tables that exist
once per cell have a column `cell`. After `make published`, `published.icl` and so on hold the
published run. A query opens no file but the tables, and writes none.
"""

import argparse
import os
import shutil
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

import duckdb

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import DATA
from induction.config.strict import ParamsError
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
        answer(connection, question, lambda found: found.show(max_rows=MAX_ROWS, max_width=width))


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


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m induction.cli.query",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sql", nargs="?", help="a query; - reads it from input; none, a prompt")
    parser.add_argument(
        "--catalog", nargs="?", const="", metavar="TABLE", help="the tables, or a table's columns"
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="all rows, in place of a box of the first"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="with --format: a new file here")
    given = parser.parse_args()
    if given.sql and given.catalog is not None:
        parser.error("found a query and --catalog, expected one of them")
    if given.out and not given.format:
        parser.error("found --out without --format, expected both")
    if given.format and not given.sql and given.catalog is None:
        parser.error("found --format without a query, expected one")
    try:
        connection = open_views()
        sql = sys.stdin.read() if given.sql == "-" else given.sql
        if given.catalog is not None:
            sql = about(connection, given.catalog)
        if given.format:
            write(connection, sql, given.format, given.out)
        elif sql is not None:
            run(connection, sql)
        else:
            prompt(connection)
        sys.stdout.flush()
    except (StageError, ParamsError) as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:
        # `| head` has seen enough. Python would flush at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
