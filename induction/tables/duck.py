"""DuckDB over the Parquet tables: in memory, read-only files, one view per table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from induction.config.errors import StageError
from induction.tables.contract import Table
from induction.tables.parquet import open_table
from induction.tables.source import Source

SQL = Path(__file__).parent.parent / "sql"
MACROS = """
    create macro last_rows(name) as table
    select rows.*
    from query_table(name) as rows
    join (select cell, max(step) as step from query_table(name) group by cell) using (cell, step)
"""


def connect(
    views: Mapping[Table, list[Source]], **schemas: Mapping[Table, list[Source]]
) -> duckdb.DuckDBPyConnection:
    """An in-memory database with a view per table, over an explicit list of files.

    Queries name the views of `schemas` by schema, as in `published.icl`.

    One thread, because sums of floats then are the same on every run. Every file is opened first,
    so that errors about broken ones name the remedy, which DuckDB's do not.

    Queries can call `last_rows('table')`: the rows at the last checkpoint of each cell.
    """
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set enable_progress_bar = false")
    connection.execute(MACROS)
    for schema, tables in {"main": views, **schemas}.items():
        connection.execute(f"create schema if not exists {schema}")
        for table, sources in tables.items():
            parts = [_select(connection, table, source) for source in sources]
            view = f"{schema}.{table.name}"
            if not parts:  # no cell of the grid has it
                empty = pa.schema([("cell", pa.string()), *table.schema]).empty_table()
                connection.register(f"no_{table.name}", empty)
                parts = [f"select * from no_{table.name}"]
            connection.execute(f"create view {view} as {' union all '.join(parts)}")
    return connection


def _select(connection: duckdb.DuckDBPyConnection, table: Table, source: Source) -> str:
    open_table(table, source)
    cell = f"'{source.cell}' as cell, " if source.cell else ""
    quoted = str(source.path).replace("'", "''")
    sql = f"select {cell}* from read_parquet('{quoted}')"
    try:
        connection.execute(f"{sql} limit 0")
    except duckdb.Error as error:
        raise source.broken(f"damaged ({' '.join(str(error).split())})") from None
    return sql


def query(
    connection: duckdb.DuckDBPyConnection, name: str, params: dict[str, Any] | None = None
) -> pa.Table:
    """The result of `induction/sql/<name>.sql`, with `$name` parameters bound."""
    with _read(name) as sql:
        return connection.sql(sql, params=params or {}).to_arrow_table()


def define(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Run `induction/sql/<name>.sql`, which defines views or macros for later queries."""
    with _read(name) as sql:
        connection.execute(sql)


@contextmanager
def _read(name: str) -> Iterator[str]:
    """The text of a query; errors of DuckDB that it causes name its file."""
    try:
        yield (SQL / f"{name}.sql").read_text(encoding="utf-8")
    except duckdb.Error as error:
        raise StageError(
            f"induction/sql/{name}.sql: {' '.join(str(error).split())}; correct the query or, if a "
            "table is damaged, rebuild it with `dvc repro --force --single-item <its stage>`"
        ) from None


def arrays(rows: pa.Table) -> dict[str, Any]:
    """Columns of a result as arrays, for the table writer."""
    return {name: rows[name].to_numpy() for name in rows.column_names}
