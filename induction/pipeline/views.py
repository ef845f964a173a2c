"""The tables as a prompt sees them: a view of each that exists, `catalog`, and no way to a file."""

import duckdb
import pyarrow as pa

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.params import Params
from induction.config.paths import DATA, SCRATCH
from induction.pipeline.catalog import sources
from induction.pipeline.cells import of_grid
from induction.tables.catalog import CATALOG
from induction.tables.contract import Table
from induction.tables.duck import Source, connect
from induction.tables.listing import LISTING, listed

Views = dict[Table, list[Source]]
STAGES = {entry.table: entry.stage for entry in CATALOG} | {LISTING: "query"}


def open_views() -> duckdb.DuckDBPyConnection:
    """Views over every table that exists on disk, with everything but reading them locked.

    Raises StageError if no stage has run.
    """
    params = Params()
    views: dict[str, Views] = {"": _there(sources(list(of_grid(params, ""))))}
    added = params.get(PUBLISHED)
    if added and any((DATA / "train" / cell).exists() for cell in added):
        every = list(of_grid(params, PUBLISHED))
        views[PUBLISHED] = _there(sources(every, grid=PUBLISHED))
    if not any(views.values()):
        raise StageError("data/: no tables yet; run `make study`, or `dvc pull`")
    connection = connect(views[""], **{name: own for name, own in views.items() if name})
    _list(connection, views)
    _lock(connection, views)
    return connection


def _there(views: Views) -> Views:
    """Those of the files that exist."""
    found = {table: [s for s in own if s.path.exists()] for table, own in views.items()}
    return {table: own for table, own in found.items() if own}


def _list(connection: duckdb.DuckDBPyConnection, views: dict[str, Views]) -> None:
    """Make the view `catalog`, which lists itself, too."""
    connection.register(LISTING.name, LISTING.schema.empty_table())
    rows = listed(LISTING.name, LISTING, STAGES[LISTING], per_cell=False)
    for schema, own in views.items():
        for table, files in own.items():
            name = f"{schema}.{table.name}" if schema else table.name
            rows += listed(name, table, STAGES[table], per_cell=files[0].cell is not None)
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
    files = [source for own in views.values() for found in own.values() for source in found]
    paths = sorted({str(source.path) for source in files})
    # DuckDB lets every query into the folder that it spills into.
    connection.execute("set temp_directory = $path", {"path": str(SCRATCH / "duckdb")})
    connection.execute("set allowed_paths = $paths", {"paths": paths})
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
