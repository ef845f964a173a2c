"""Ask the tables: one view per table of the study, read-only.

    python -m stages.query "select cell, max(prefix_matching) from heads group by cell"
    python -m stages.query                  (a prompt; end a query with ;)

`show tables` lists the views, `describe icl` the columns of one. Tables that exist once per cell
have a column `cell`. After `make published`, `published.icl` and so on hold the published run.
"""

import argparse
import sys

import duckdb

from stages.files.catalog import sources
from stages.files.cells import of_grid
from stages.files.duck import Source, connect
from stages.files.params import Params
from stages.files.stage import DATA, StageError
from stages.lib.tables.contract import Table
from stages.settings.names import PUBLISHED
from stages.settings.strict import ParamsError

READS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
MAX_ROWS = 200


def open_views() -> duckdb.DuckDBPyConnection:
    """Views over every table that exists on disk, with everything but reading them locked.

    Raises StageError if no stage has run.
    """
    params = Params()
    views, more = _there(sources(list(of_grid(params, "")))), {}
    added = params.get(PUBLISHED)
    if added and any((DATA / "train" / cell).exists() for cell in added):
        every = list(of_grid(params, PUBLISHED))
        more[PUBLISHED] = _there(sources(every, grid=PUBLISHED))
    if not views and not more:
        raise StageError("data/: no tables yet; run `make study`, or `dvc pull`")
    connection = connect(views, **more)
    opened = [*views.values(), *more.get(PUBLISHED, {}).values()]
    paths = {str(source.path) for own in opened for source in own}
    connection.execute("set allowed_paths = $paths", {"paths": sorted(paths)})
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def _there(views: dict[Table, list[Source]]) -> dict[Table, list[Source]]:
    """Those of the files that exist."""
    found = {table: [s for s in own if s.path.exists()] for table, own in views.items()}
    return {table: own for table, own in found.items() if own}


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
