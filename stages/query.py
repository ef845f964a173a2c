"""Ask the tables: one view per table of the study, read-only.

    python -m stages.query "select cell, max(prefix_matching) from heads group by cell"
    python -m stages.query                  (a prompt; end a query with ;)

`show tables` lists the views, `describe icl` the columns of one. Tables that exist once per cell
have a column `cell`.
"""

import argparse
import sys

import duckdb

from stages.files.catalog import sources
from stages.files.duck import connect
from stages.files.params import Params
from stages.files.stage import StageError
from stages.settings.model import Cell
from stages.settings.strict import ParamsError

READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
MAX_ROWS = 200


def open_views() -> duckdb.DuckDBPyConnection:
    """Views over every table that exists on disk, with everything but reading them locked.

    Raises StageError if no stage has run.
    """
    cells = list(Params().sections("cells", Cell))
    found = {
        table: [source for source in own if source.path.exists()]
        for table, own in sources(cells).items()
    }
    found = {table: own for table, own in found.items() if own}
    if not found:
        raise StageError("data/: no tables yet; run `make study`, or `dvc pull`")
    connection = connect(found)
    paths = [str(source.path) for own in found.values() for source in own]
    connection.execute("set allowed_paths = $paths", {"paths": paths})
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def run(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Print the result of each statement. Raises StageError for what is no question."""
    try:
        for statement in connection.extract_statements(sql):
            if statement.type not in READS:
                raise StageError(
                    f"query: {statement.query.strip()!r} is no question; only select, show, "
                    "describe, summarize and explain are answered (the tables are read-only)"
                )
            connection.sql(statement.query).show(max_rows=MAX_ROWS, max_width=200)
    except duckdb.Error as error:
        raise StageError(f"query: {error}") from None


def prompt(connection: duckdb.DuckDBPyConnection) -> None:
    """Read queries until end of input; an error costs its query, not the session."""
    tables = connection.sql("show tables").fetchall()
    print("tables:", ", ".join(name for (name,) in tables))
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


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m stages.query",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sql", nargs="?", help="a query; without it, a prompt")
    sql = parser.parse_args().sql
    try:
        connection = open_views()
        run(connection, sql) if sql else prompt(connection)
    except (StageError, ParamsError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
