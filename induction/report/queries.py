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
    icl = params.section("icl", IclSettings)
    connection.register("cells", pa.Table.from_pylist(panels(grid)))
    for name, table in DRAWS.items():
        ((count,),) = connection.sql(f"select count(distinct seq) from {table}").fetchall()
        # Without an edge to cut, edge_ablations has no sequence.
        connection.register(name, draws(max(count, 1), icl.bootstrap_draws, icl.bootstrap_seed))
    define(connection, MACROS)
    values = _parameters(connection, params, icl) | {"tokens_per_step": tokens_per_step}
    results = {}
    for name, parameters in progress(_in_order().items(), "report: queries", "query"):
        bound = {parameter: values[parameter] for parameter in parameters}
        result = query(connection, f"report/{name}", bound)
        connection.register(f"{name}_result", result)
        results[name] = result.to_pylist()
    return results


def _in_order() -> dict[str, list[str]]:
    """Every query with its parameters; a query comes after those whose results it reads."""
    paths = sorted({*(SQL / "report").glob("*.sql")} - {SQL / f"{MACROS}.sql"})
    texts = {path.stem: path.read_text("utf-8") for path in paths}
    reads = {name: dict.fromkeys(RESULT.findall(text)) for name, text in texts.items()}
    order = TopologicalSorter(reads).static_order()
    return {name: list(dict.fromkeys(PARAMETER.findall(texts[name]))) for name in order}


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
