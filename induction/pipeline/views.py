"""The tables as a prompt sees them: a view of each that exists, `catalog`, and no way to a file."""

import duckdb
import pyarrow as pa

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.params import Params
from induction.config.paths import DATA, SCRATCH
from induction.pipeline import layout
from induction.pipeline.artifacts import OF_CELLS
from induction.pipeline.declarations import stages, writer_of
from induction.tables.contract import Table
from induction.tables.duck import connect
from induction.tables.listing import LISTING, listed
from induction.tables.source import Source

Views = dict[Table, list[Source]]


def open_views() -> duckdb.DuckDBPyConnection:
    """Views over every table that exists on disk, with everything but reading them locked.

    Raises StageError if no stage has run.
    """
    params = Params()
    views: dict[str, Views] = {"": _views(params, "")}
    for cell in layout.suite_cells(params):
        views |= {cell: _views(params, cell)} if layout.fetched(cell).path.exists() else {}
    added = params.get(PUBLISHED)
    if added and any(layout.folder_of("train", cell).exists() for cell in added):
        views[PUBLISHED] = _views(params, PUBLISHED)
    if not any(views.values()):
        raise StageError(f"{DATA}/: no tables yet; run `make study`, or `dvc pull`")
    connection = connect(views[""], **{name: each for name, each in views.items() if name})
    _list(connection, views)
    _lock(connection, views)
    return connection


def _views(params: Params, grid: str) -> Views:
    """Every table with those of its files that exist: one per cell, or that of the grid."""
    cells = list(layout.cells_of_grid(params, grid))
    suite = layout.cells_of_grid(params, grid)[grid].suite if grid in cells else ""
    instances = {"": [""], "corpus": [suite], "grid": [grid], **dict.fromkeys(OF_CELLS, cells)}
    views = {
        table: [layout.source_of(table, name) for name in instances[stage.per]]
        for stage in stages().values()
        for table in stage.tables
    }
    there = {table: [s for s in sources if s.path.exists()] for table, sources in views.items()}
    return {table: sources for table, sources in there.items() if sources}


def _list(connection: duckdb.DuckDBPyConnection, views: dict[str, Views]) -> None:
    """Make the view `catalog`, which lists itself, too."""
    connection.register(LISTING.name, LISTING.schema.empty_table())
    rows = listed(LISTING.name, LISTING, "query", per_cell=False)
    for schema, tables in views.items():
        for table, files in tables.items():
            name = f"{schema}.{table.name}" if schema else table.name
            rows += listed(name, table, writer_of(table).name, per_cell=files[0].cell is not None)
    columns = connection.sql(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
    )
    types = {
        (table if schema == "main" else f"{schema}.{table}", column): kind
        for schema, table, column, kind in columns.fetchall()
    }
    for row in rows:
        row["type"] = types[row["table_name"], row["column_name"]]
    rows.sort(key=lambda row: (row["table_name"], row["place"]))
    connection.register(LISTING.name, pa.Table.from_pylist(rows, schema=LISTING.schema))


def _lock(connection: duckdb.DuckDBPyConnection, views: dict[str, Views]) -> None:
    """No file but the tables' own, no network, no way back.

    Allowed paths may be written as well as read: `induction.tables.question` keeps writing out.
    """
    files = [file for tables in views.values() for files in tables.values() for file in files]
    paths = sorted({str(file.path) for file in files})
    # DuckDB lets every query into the folder that it spills into.
    connection.execute("set temp_directory = $path", {"path": str(SCRATCH / "duckdb")})
    connection.execute("set allowed_paths = $paths", {"paths": paths})
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
