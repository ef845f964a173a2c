"""The numbers of README.md, from the published report: every block is written from its files.

So no number in README is older than the run that it is about.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from induction.config.cells import AS_ALL
from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import REPORTS
from induction.config.study import Study
from induction.report.answer import failed_controls, undecided_controls
from induction.report.blocks import fill
from induction.report.formatting import (
    NONE,
    between,
    duration,
    escape_pipes,
    fixed,
    millions,
    significant,
)
from induction.report.panels import panels

README = Path("README.md")
METRICS, CLAIMS, CIRCUITS = (
    (REPORTS / PUBLISHED / f"{name}.json").as_posix() for name in ("metrics", "claims", "circuits")
)
TIMES = "induction/report/templates/report/times.json"
# The content of each file, by its path.
Reports = dict[str, Any]


def read(name: str) -> Any:
    try:
        return json.loads(Path(name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        remedy = "restore it from Git" if name == TIMES else "`make published` makes it"
        raise StageError(f"{name}: not found; {remedy}") from None


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(escape_pipes, line))} |\n" for line in lines)


def other_cells(study: Study, reports: Reports) -> list[str]:
    """Cells that only one of params.yaml and the published report has, sorted."""
    return sorted(reports[METRICS]["cells"].keys() ^ study.published.keys())


def groups(study: Study) -> list[tuple[str, list[str]]]:
    """Cells of the published run that differ in nothing but the seed, in the order of the page."""
    grid = dict(sorted(study.published.items()))
    panel_cells: dict[str, list[str]] = {}
    for row in panels(grid):
        panel_cells.setdefault(row["panel"], []).append(row["cell"])
    return list(panel_cells.items())


def is_main(study: Study, cells: list[str]) -> bool:
    """Whether cells are plain runs of a model of the paper's kind."""
    cell = study.every_cell[cells[0]]
    positions = study.models[cell.model].positions
    return cell.is_on_its_text and cell.train == AS_ALL and positions == "qk_sinusoidal"


def outcomes(study: Study, reports: Reports, first: str, main: bool) -> str:
    """ICL, windows and best prefix matching of the main models, or of everything else."""
    metrics = reports[METRICS]["cells"]
    rows = []
    for name, cells in groups(study):
        if is_main(study, cells) != main:
            continue
        seeds = [metrics[cell] for cell in cells]
        windows = [
            f"{millions(seed['phase_start_tokens'])} – {millions(seed['phase_end_tokens'])}"
            if seed["phase_change"]
            else "none"
            for seed in seeds
        ]
        # Reports made before the matched score have the usual one alone.
        matched, usual = (
            ", ".join([fixed(seed.get(key), "%+.2f") for seed in seeds])
            for key in ("icl_matched", "icl_final")
        )
        best = ", ".join([fixed(seed["prefix_matching_max"], "%.2f") for seed in seeds])
        rows.append([f"`{name}`", matched, usual, ", ".join(windows), best])
    return table([first, *OUTCOME], rows)


OUTCOME = [
    "matched ICL, nats",
    "usual ICL, nats",
    "phase window, training tokens",
    "best prefix matching",
]


def verdicts(study: Study, reports: Reports) -> str:
    """The controls that failed, and how many claims have which verdict."""
    claims, controls = reports[METRICS]["claims"], reports[METRICS]["controls"]
    untested = sum(
        claim["kind"] == "claim" and claim["verdict"] == "not tested here"
        for claim in reports[CLAIMS]
    )
    parts = ", ".join(f"{count} {verdict}" for verdict, count in claims.items())
    control_parts = ", ".join(f"{count} {verdict}" for verdict, count in controls.items())
    failed = failed_controls(reports[CLAIMS])
    undecided = undecided_controls(reports[CLAIMS])
    return (
        (f"**{failed}**\n\n" if failed else "")
        + f"Of the paper's claims **{parts}**, {untested} not tested here. "
        + f"Of our controls {control_parts}.{' ' * bool(undecided)}{undecided}\n"
    )


def scoreboard(reports: Reports, kind: str) -> str:
    """Every claim, or control, that was tested."""
    return table(
        ["claim", "statistic", "value [over seeds]", "holds if", "verdict"],
        [
            [
                claim["text"],
                claim["statistic"],
                f"{significant(claim['value'])}{between(claim['low'], claim['high'])}",
                claim["rule"],
                f"**{verdict}**" if verdict == "contradicted" else verdict,
            ]
            for claim in reports[CLAIMS]
            if claim["kind"] == kind and (verdict := claim["verdict"]) != "not tested here"
        ],
    )


def circuits(study: Study, reports: Reports) -> str:
    """The circuits of the models of the paper's kind, every seed."""
    circuits = reports[CIRCUITS]

    def share(cells: list[str], run: str) -> str:
        shares = [circuits[cell][f"share_{run}"] for cell in cells]
        return ", ".join([NONE if one is None else fixed(one[0], "%.2f") for one in shares])

    return table(
        ["model", "circuit, by seed", "share of ICL lost without it", "kept by it alone"],
        [
            [
                f"`{name}`",
                ", ".join([" + ".join(circuits[cell]["circuit"]) or "none" for cell in cells]),
                share(cells, "cut"),
                share(cells, "kept"),
            ]
            for name, cells in groups(study)
            if is_main(study, cells)
        ],
    )


def commands(study: Study, reports: Reports) -> str:
    """How long the commands take, and where that was measured."""
    times = reports[TIMES]
    parts = [
        f"`{command}` {duration(took['seconds'])} ({took['what']})"
        for command, took in times["commands"].items()
    ]
    return f"Measured in a fresh clone on {times['machine']}: {', '.join(parts)}.\n"


def times(study: Study, reports: Reports) -> str:
    """Seconds of `make study`, stage by stage."""
    seconds = reports[TIMES]["stages"]
    return table(list(seconds), [[f"{number:,}" for number in seconds.values()]])


BLOCKS: dict[str, Callable[[Study, Reports], str]] = {
    "commands": commands,
    "models": lambda study, reports: outcomes(study, reports, "model", main=True),
    "variations": lambda study, reports: outcomes(study, reports, "cells", main=False),
    "circuits": circuits,
    "verdicts": verdicts,
    "claims": lambda study, reports: scoreboard(reports, "claim"),
    "controls": lambda study, reports: scoreboard(reports, "control"),
    "times": times,
}
# Blocks that need to know each cell of the report, which is kept in params.yaml alone.
BY_CELL = ("models", "variations", "circuits")


def filled(text: str, study: Study, reports: Reports) -> str:
    """README with every block as the reports have it, but those `BY_CELL` as they were while the
    report is about `other_cells`. Raises StageError for an unknown block."""
    kept = BY_CELL if other_cells(study, reports) else ()

    def content(name: str) -> str | None:
        if name not in BLOCKS:
            raise StageError(f"{README}: found block {name!r}, expected one of {', '.join(BLOCKS)}")
        return None if name in kept else BLOCKS[name](study, reports)

    return fill(text, content)


def read_reports() -> Reports:
    """The files that the blocks are written from. Raises StageError without them."""
    return {name: read(name) for name in (METRICS, CLAIMS, CIRCUITS, TIMES)}
