"""The study in a short table, each cell's result in a line, and how long each stage took."""

import json
from pathlib import Path

import numpy as np

from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import REPORTS, SCRATCH
from induction.config.study import Study
from induction.pipeline import layout
from induction.pipeline.artifacts import MANIFEST
from induction.report.answer import failed_controls, undecided_controls
from induction.report.formatting import duration, fixed
from induction.report.left_out import left_out
from induction.stats.checkpoint_selection import window_of
from induction.tables.fetch import FETCHED, tokens_per_step
from induction.tables.heads import HEADS
from induction.tables.icl import ICL
from induction.tables.parquet import read_table

TIMES = SCRATCH / "times"
# A cell's ICL in a line: a column of table `icl`, beside the ends of its interval.
SCORE, SCORE_LOW, SCORE_HIGH = "icl_matched", "icl_matched_low", "icl_matched_high"


def overview(grid: str, study: Study) -> str:
    """Results, claims and times of the study, or of a grid, and what its corpora lack.

    Raises StageError without a report.
    """
    if not study.grids()[grid]:  # all cells are suites
        return "\n".join(suites(study)).lstrip()
    path = REPORTS / grid / "metrics.json"
    if not path.exists():
        raise StageError(f"{path}: not found; run `make {PUBLISHED if grid else 'study'}`")
    metrics = json.loads(path.read_text(encoding="utf-8"))
    claims = ", ".join(f"{count} {verdict}" for verdict, count in metrics["claims"].items())
    times = ", ".join(f"{stage} {count}" for stage, count in seconds(TIMES).items())
    verdicts = _claims(REPORTS / grid / "claims.json")
    failed, undecided = failed_controls(verdicts), undecided_controls(verdicts)
    return "\n".join(
        [
            *([f"{failed}\n"] if failed else []),
            cells(metrics["cells"]),
            f"claims of the paper: {claims}\n",
            *([f"{undecided}\n"] if undecided else []),
            *(f"left out of {name}: {says}" for name, says in left_out(_manifests(grid, study))),
            f"seconds per stage: {times}" if times else "",
            f"report: {REPORTS / grid / 'index.html'}",
            *(suites(study) if not grid else []),
        ]
    )


def suites(study: Study) -> list[str]:
    """A line for each suite of foreign checkpoints that has a report."""
    lines = []
    for name, cell in study.cells.items():
        path = REPORTS / name / "metrics.json"
        if cell.suite and path.exists():
            metrics = json.loads(path.read_text(encoding="utf-8"))["cells"]
            lines += ["", cells(metrics), f"report: {path.with_name('index.html')}"]
    return lines


def _claims(path: Path) -> list[dict]:
    """Of a report; none where it is older than its claims, and says only how many hold."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def _manifests(grid: str, study: Study) -> list[dict]:
    """Those of the corpora of a grid that are here, after `dvc pull report` perhaps none."""
    corpora = {"", *(study.every_cell[cell].corpus_instance for cell in study.grids()[grid])}
    paths = [layout.source_of(MANIFEST, corpus).path for corpus in sorted(corpora)]
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    # Those of older code do not say; `make study` makes them anew.
    return [manifest for manifest in manifests if "left_out" in manifest]


def cells(metrics: dict[str, dict]) -> str:
    lines = [
        f"{'cell':<14} {'matched ICL':>11}  {'phase change':<13} {'where (tokens)':<17} best head"
    ]
    for name, cell in metrics.items():
        where = "-"
        if cell["phase_change"]:
            start, end = cell["phase_start_tokens"] / 1e6, cell["phase_end_tokens"] / 1e6
            where = f"{start:.2f} M - {end:.2f} M"
        changed = "yes" if cell["phase_change"] else "no"
        # Reports from before the matched score have none.
        score = fixed(cell.get("icl_matched"), "%+.3f")
        lines.append(
            f"{name:<14} {score:>11}  {changed:<13} {where:<17} "
            f"{cell['best_head']} (prefix matching {cell['prefix_matching_max']:.2f})"
        )
    return "\n".join(lines)


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
