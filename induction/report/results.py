"""Each cell's result in a line, and how long each stage took."""

import json
from pathlib import Path

import numpy as np

from induction.config.paths import SCRATCH
from induction.config.study import Study
from induction.pipeline import layout
from induction.report.formatting import duration
from induction.stats.checkpoint_selection import window_of
from induction.tables.fetch import FETCHED, tokens_per_step
from induction.tables.heads import HEADS
from induction.tables.icl import ICL
from induction.tables.parquet import read_table

TIMES = SCRATCH / "times"
# A cell's ICL in a line: a column of table `icl`, beside the ends of its interval.
SCORE, SCORE_LOW, SCORE_HIGH = "icl_matched", "icl_matched_low", "icl_matched_high"


def line(cell: str, study: Study, taken: float) -> str:
    """The result of one cell, from its tables `icl` and `heads`, and the seconds that it took.

    Stage `phases`, which waits for all cells, finds the same window by the same rule.
    """
    icl, heads = (read_table(table, layout.source_of(table, cell)) for table in (ICL, HEADS))
    per_step = study.train.batch * study.corpus.n_ctx
    if study.suite_of(cell):
        per_step = tokens_per_step(layout.source_of(FETCHED, cell))
    window = window_of(icl["step"], icl[SCORE], icl[SCORE_HIGH], per_step, study.phases)
    change = "no phase change"
    if window.is_phase_change:
        start, end = (icl["step"][at] * per_step / 1e6 for at in (window.first, window.last))
        change = f"phase change {start:.2f} M - {end:.2f} M tokens"
    at_end = np.flatnonzero(heads["step"] == heads["step"].max())
    # The first of equals, as in the report.
    best = at_end[heads["prefix_matching"][at_end].argmax()]
    return (
        f"{cell}: ICL {icl[SCORE][-1]:+.3f} [{icl[SCORE_LOW][-1]:+.3f}, "
        f"{icl[SCORE_HIGH][-1]:+.3f}] nats, {change}, best head "
        f"L{heads['layer'][best]}H{heads['head'][best]} (prefix matching "
        f"{heads['prefix_matching'][best]:.2f}); {duration(round(taken))}"
    )


def seconds(folder: Path) -> dict[str, int]:
    """Seconds of each stage, all its cells together, from the last time each ran here.

    `study` is the last `make study` as a whole, with DVC's work and stages that did not run again.
    """
    totals: dict[str, float] = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime):
        record = json.loads(path.read_text())
        totals[record["stage"]] = totals.get(record["stage"], 0.0) + record["seconds"]
    return {stage: round(total) for stage, total in totals.items()}
