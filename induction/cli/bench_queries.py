"""How long each query of the report takes over 10⁸ rows of losses, and others that read as much."""

import json
import os
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import duckdb

from induction.claims.statistics import Resampling, describe, gather
from induction.config.cells import Cell
from induction.config.claims import ClaimSettings
from induction.config.icl import IclSettings
from induction.config.model import Architecture
from induction.config.params import Params
from induction.config.train import TrainSettings
from induction.pipeline import layout
from induction.pipeline.declarations import stages, writer_of
from induction.pipeline.enlarged import enlarge
from induction.pipeline.progress import progress
from induction.pipeline.views import Views
from induction.report import queries
from induction.report.query_times import QueryTime, QueryTimes
from induction.stats.bootstrap import draws
from induction.stats.intervals import tails
from induction.tables.contract import Table
from induction.tables.duck import connect, query

ROWS = 10**8
RUNS = 3
# Stages whose tables have rows for every checkpoint, and those that read tables of the study.
GROWING = ("losses", "icl", "heads", "ablations")
READERS = ("report", "claims", "phases", "icl")


def bench(rows: int = ROWS) -> QueryTimes:
    """Medians over tables of the study with so many rows of losses, each query with one thread, as
    stages ask it. Raises StageError where there is no study."""
    params = Params()
    grid, train = layout.cells_of_grid(params, ""), params.section("train", TrainSettings)
    tokens_per_step = train.batch * params.integer("corpus.n_ctx")
    large = enlarge(_views(grid), GROWING, rows)
    connection = connect(large)
    shape = "count(*), count(distinct step), count(distinct seq)"
    ((count, checkpoints, sequences),) = connection.sql(f"select {shape} from losses").fetchall()
    return QueryTimes(
        cores=len(os.sched_getaffinity(0)),
        rows=count,
        cells=len(grid),
        checkpoints=checkpoints,
        sequences=sequences,
        report=_of_report(connection, params, grid, tokens_per_step),
        stages=(*_of_cell(large, params), _of_claims(large, params, grid, tokens_per_step)),
    )


def table(times: QueryTimes) -> str:
    """A row per query, the slowest first."""
    lines = [
        f"{times.rows:,} rows of losses: {times.cells} cells, {times.checkpoints} checkpoints "
        f"each, {times.sequences} sequences; median of {RUNS} runs on {times.cores} cores"
    ]
    for title, some in (("report", times.report), ("stages", times.stages)):
        lines += ["", f"{title:<28}{'seconds':>10}{'rows scanned':>16}"]
        for each in sorted(some, key=lambda each: -each.seconds):
            scanned = "" if each.scanned is None else f"{each.scanned:,}"
            lines.append(f"{each.name:<28}{each.seconds:>10.3f}{scanned:>16}".rstrip())
    return "\n".join([*lines, "", f"a report: {times.together:.1f} s"])


def _views(grid: dict[str, Cell]) -> Views:
    """The tables that are read, with those of their files that exist."""
    tables = [
        artifact
        for stage in READERS
        for artifact in stages()[stage].artifacts_read
        if isinstance(artifact, Table)
    ]
    instances = {table: grid if writer_of(table).is_of_cell else [""] for table in tables}
    sources = {
        table: [layout.source_of(table, name) for name in names]
        for table, names in instances.items()
    }
    return {table: [each for each in some if each.path.exists()] for table, some in sources.items()}


def _of_report(
    connection: duckdb.DuckDBPyConnection, params: Params, grid: dict[str, Cell], per_step: int
) -> tuple[QueryTime, ...]:
    values = queries.prepare(connection, params, grid, per_step)
    times = []
    for name in progress(queries.in_order(), "bench: report", "query"):
        ask = partial(queries.answer, connection, name, values)
        times.append(_timed(connection, name, ask))
        queries.keep(connection, name, ask())
    return tuple(times)


def _of_cell(views: Views, params: Params) -> list[QueryTime]:
    """What stages ask about one cell, the first."""
    cell = next(source.cell for sources in views.values() for source in sources if source.cell)
    some = {
        table: [s for s in sources if s.cell in (cell, None)] for table, sources in views.items()
    }
    connection = connect(some)
    icl = params.section("icl", IclSettings)
    ((n_seq,),) = connection.sql("select count(*) from eval_sequences").fetchall()
    connection.register("draws", draws(n_seq, icl.bootstrap_draws, icl.bootstrap_seed))
    late = {"late_first": icl.windows.late[0], "late_last": icl.windows.late[1]}
    points = {"early_point": icl.early_point, "late_point": icl.late_point}
    early = {"early_first": icl.windows.early[0], "early_last": icl.windows.early[1]}
    bound: dict[str, dict[str, Any]] = {
        "icl/score": {**early, **late, **points, **tails(icl.interval)},
        "icl/positions": {},
        "icl/sampled": {},
        "phases/losses": late,
    }
    return [
        _timed(connection, name, partial(query, connection, name, values))
        for name, values in progress(bound.items(), "bench: a cell", "query")
    ]


def _of_claims(views: Views, params: Params, grid: dict[str, Cell], per_step: int) -> QueryTime:
    """All queries of the claims together, once."""
    connection = connect(views)
    icl, claims = params.section("icl", IclSettings), params.section("claims", ClaimSettings)
    train = params.section("train", TrainSettings)
    cells = describe(grid, params.sections("models", Architecture), train)
    settings = {
        "tokens_per_step": per_step,
        "training_tokens": train.tokens,
        "late_first": icl.windows.late[0],
        "late_last": icl.windows.late[1],
        "vocab_size": params.integer("corpus.vocab_size"),
    }
    resampling = Resampling(
        icl.bootstrap_draws, icl.bootstrap_seed, claims.interval, claims.resolvable
    )
    begin = time.perf_counter()
    gather(connection, cells, settings, resampling)
    return QueryTime("claims", round(time.perf_counter() - begin, 4), None)


def _timed(
    connection: duckdb.DuckDBPyConnection, name: str, ask: Callable[[], object]
) -> QueryTime:
    """The median of some runs, and the rows that one more read."""
    seconds = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - begin)
    connection.execute("set enable_profiling = 'no_output'")
    ask()
    scanned = _scanned(json.loads(connection.get_profiling_information(format="json")))
    connection.execute("reset enable_profiling")
    return QueryTime(name, round(median(seconds), 4), scanned)


def _scanned(profile: Any) -> int:
    """Rows that the scans in a profile of DuckDB read."""
    if isinstance(profile, list):
        return sum(map(_scanned, profile))
    if not isinstance(profile, dict):
        return 0
    below = sum(_scanned(value) for value in profile.values() if isinstance(value, list | dict))
    return int(profile.get("rows_scanned", 0)) + below
