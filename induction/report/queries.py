"""The queries of the report, each a file of induction/sql/report.

A file declares its query: `$name` is bound to the parameter of that name, and `<query>_result` is
the result of another query, which runs first. `cells` has the panel of each cell (report.panels),
and tables of draws have the weights of a bootstrap: draw, seq, weight. macros.sql is no query: it
defines what several of them call.
"""

import re
from graphlib import TopologicalSorter
from typing import Any

import duckdb
import pyarrow as pa

from induction.config.cells import Cell
from induction.config.icl import IclSettings
from induction.config.params import Params
from induction.config.report import ReportSettings
from induction.pipeline.progress import progress
from induction.report.panels import panels
from induction.report.rows import Results
from induction.stats.bootstrap import draws
from induction.stats.intervals import tails
from induction.tables.duck import SQL, define, query

MACROS = "report/macros"
RESULT = re.compile(r"\b([a-z_]+)_result\b")
PARAMETER = re.compile(r"\$([a-z_]+)")
# Each table of draws, and the table whose sequences they resample.
DRAWS = {
    "draws": "ablations",
    "edit_draws": "interventions",
    "circuit_draws": "paths",
    "cut_draws": "edge_ablations",
}


def run(
    connection: duckdb.DuckDBPyConnection,
    params: Params,
    grid: dict[str, Cell],
    tokens_per_step: int,
) -> Results:
    """The rows of every query, over the views of `connection`."""
    values = prepare(connection, params, grid, tokens_per_step)
    results = {}
    for name in progress(in_order(), "report: queries", "query"):
        result = answer(connection, name, values)
        keep(connection, name, result)
        results[name] = result.to_pylist()
    return results


def prepare(
    connection: duckdb.DuckDBPyConnection,
    params: Params,
    grid: dict[str, Cell],
    tokens_per_step: int,
) -> dict[str, Any]:
    """Make what queries read beside the views of `connection`; returns what they can bind."""
    icl = params.section("icl", IclSettings)
    connection.register("cells", pa.Table.from_pylist(panels(grid)))
    for name, table in DRAWS.items():
        ((count,),) = connection.sql(f"select count(distinct seq) from {table}").fetchall()
        # Without an edge to cut, edge_ablations has no sequence.
        connection.register(name, draws(max(count, 1), icl.bootstrap_draws, icl.bootstrap_seed))
    define(connection, MACROS)
    return _parameters(connection, params, icl) | {"tokens_per_step": tokens_per_step}


def answer(connection: duckdb.DuckDBPyConnection, name: str, values: dict[str, Any]) -> pa.Table:
    """The result of a query, after those whose results it reads."""
    text = (SQL / "report" / f"{name}.sql").read_text("utf-8")
    bound = {parameter: values[parameter] for parameter in PARAMETER.findall(text)}
    return query(connection, f"report/{name}", bound)


def keep(connection: duckdb.DuckDBPyConnection, name: str, result: pa.Table) -> None:
    """Let later queries read the result of one."""
    connection.register(f"{name}_result", result)


def in_order() -> list[str]:
    """Every query, after those whose results it reads."""
    paths = sorted({*(SQL / "report").glob("*.sql")} - {SQL / f"{MACROS}.sql"})
    reads = {path.stem: dict.fromkeys(RESULT.findall(path.read_text("utf-8"))) for path in paths}
    return [*TopologicalSorter(reads).static_order()]


def _parameters(
    connection: duckdb.DuckDBPyConnection, params: Params, icl: IclSettings
) -> dict[str, Any]:
    report = params.section("report", ReportSettings)
    modes = connection.sql("select distinct mode from ablations where mode <> 'none'").fetchall()
    ((only, *_),) = modes[:1]
    return {
        **tails(icl.interval),  # low, high
        "reach": report.slope_reach,
        "bins": report.position_bins,
        # How heads are ablated; a study may do without one of the two ways.
        "full_mode": "full" if ("full",) in modes else only,
        "pattern_mode": "pattern" if ("pattern",) in modes else only,
        # Tokens that gain and lose most in each cell, and how many before them are shown.
        "shown": 8,
        "context": 24,
        # Edges that cost less ICL when cut, in nats, get no interval.
        "least": 0.02,
        "resolvable": params.get("claims")["resolvable"],
        "exclude_share": params.get("heads")["exclude_share"],
        "early_first": icl.windows.early[0],
        "early_last": icl.windows.early[1],
        "late_first": icl.windows.late[0],
        "late_last": icl.windows.late[1],
        "early_point": icl.early_point,
        "late_point": icl.late_point,
    }
