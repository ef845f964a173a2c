"""What a report found, for a terminal: what changed, where, by which heads, and what failed."""

import csv
import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any

from induction.config.cells import AS_ALL
from induction.config.errors import StageError
from induction.config.names import PUBLISHED
from induction.config.paths import REPORTS
from induction.config.study import Study
from induction.pipeline import layout
from induction.pipeline.artifacts import MANIFEST
from induction.report.answer import failed_controls
from induction.report.character_plot import Curve, Screen, plot, side_by_side
from induction.report.formatting import NONE, between, fixed, listed
from induction.report.left_out import left_out
from induction.report.plots import X
from induction.report.results import TIMES, seconds
from induction.report.summary import VERDICTS, contradicted, variation
from induction.report.wording import counted, kinds_of_models, plural

NARROWEST = 36  # characters of a plot
WIDEST = 60
GAP = 3  # characters between two plots
HEADS = ("run", "ICL at the end", "window", "best head", "it carries")
MILLION = 1e6


@dataclass(frozen=True)
class Runs:
    """Cells that differ in nothing but the seed, with what metrics.json says of each; `is_plain`
    are those that change neither the text nor the training of the study."""

    name: str
    is_plain: bool
    cells: dict[str, dict[str, Any]]

    @property
    def changed(self) -> list[dict[str, Any]]:
        return [cell for cell in self.cells.values() if cell["phase_change"]]


def overview(grid: str, study: Study, screen: Screen | None = None) -> str:
    """The report of the study, of its published run or of a suite, read from the report's files.

    `screen` is the terminal that it is for; without one, lines are as long as they are and there
    are no plots. Raises StageError without a report, or for files that no report has.
    """
    folder = REPORTS / grid
    groups = _groups(_read(folder / "metrics.json", grid)["cells"], study)
    claims = _read(folder / "claims.json", grid) if (folder / "claims.json").exists() else []
    failed = failed_controls(claims)
    parts = [
        [*([failed] if failed else []), change_sentence(groups)],
        table(groups, screen),
        [_legend(study)],
        _plots(groups, folder / "plots" / "icl.csv", screen) if screen else [],
        claim_lines(claims, study),
        [f"left out of {name}: {says}" for name, says in left_out(_manifests(grid, study))],
        _times() if not grid else [],
        _more(folder / "index.html"),
    ]
    return "\n\n".join("\n".join(_wrapped(part, screen)) for part in parts if part)


def of_suites(study: Study, screen: Screen | None = None) -> list[str]:
    """The same for each suite of foreign checkpoints that has a report."""
    names = [name for name, cell in study.cells.items() if cell.suite]
    there = [name for name in names if (REPORTS / name / "metrics.json").exists()]
    return [overview(name, study, screen) for name in there]


def everything(published: bool, study: Study, screen: Screen | None = None) -> str:
    """What `make study` or `make published` made: the study with its suites, or the published run.

    Raises StageError if there is no report of any of it.
    """
    if published:
        return overview(PUBLISHED, study, screen)
    suites = of_suites(study, screen)
    trained = [overview("", study, screen)] if study.grids()[""] or not suites else []
    return "\n\n\n".join(trained + suites)


def _read(path: Path, grid: str) -> Any:
    make = f"run `make {PUBLISHED if grid == PUBLISHED else 'study'}`"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(f"{path}: not found; {make}") from None
    except ValueError as error:
        raise StageError(
            f"{path}: found no JSON ({error}), expected a file of the report; restore it from "
            f"Git, or {make}"
        ) from None


def _groups(cells: dict[str, dict], study: Study) -> list[Runs]:
    """The cells of a report, those that are alike together. Of those that params.yaml does not
    have any more, the name has to say what they are."""
    kinds = kinds_of_models(study.models)
    groups: dict[tuple[str, bool], dict[str, dict]] = {}
    for name, metrics in cells.items():
        cell = study.every_cell.get(name)
        suite = cell and study.suite_of(name)
        if cell is None:
            model = name.rpartition("_s")[0]
            key = (plural(kinds[model]), True) if model in kinds else (model or name, False)
        elif suite:
            key = (f"checkpoints of {suite.at}", True)
        else:
            words = (plural(kinds[cell.model]), variation(cell))
            key = (", ".join(filter(None, words)), cell.is_on_its_text and cell.train == AS_ALL)
        groups.setdefault(key, {})[name] = metrics
    return [Runs(name, is_plain, members) for (name, is_plain), members in groups.items()]


def change_sentence(groups: list[Runs]) -> str:
    """Which models go through a phase change, and which do not."""
    plain = [group for group in groups if group.is_plain]

    def named(group: Runs) -> str:
        part, total = len(group.changed), len(group.cells)
        return group.name if part in (0, total) else f"{group.name} ({part} of {total} runs)"

    changed = [named(group) for group in plain if group.changed]
    flat = [named(group) for group in plain if not group.changed]
    if changed:
        text = f"A phase change happens in {listed(changed)}"
        text += f", but not in {listed(flat)}" if flat else ""
    else:
        text = f"There is no phase change in {listed(flat)}"
    others = [group for group in groups if not group.is_plain]
    if others:
        count = sum(bool(group.changed) for group in others)
        text += f". Variations and controls that change: {count} of {len(others)}"
    return f"{text}."


def table(groups: list[Runs], screen: Screen | None) -> list[str]:
    """A row per run, below the name of its model; on narrow screens a sentence each."""
    rows = {name: _row(name, cell) for group in groups for name, cell in group.cells.items()}
    widths = [max(map(len, column)) for column in zip(HEADS, *rows.values(), strict=True)]
    is_wide = screen is None or sum(widths) + 2 * len(widths) <= screen.width

    def line(cells: Iterable[str]) -> str:
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        return f"  {'  '.join(padded)}".rstrip()

    def sentence(cells: Iterable[str]) -> str:
        name, *values = cells
        return f"  {name}: " + "; ".join(map(" ".join, zip(HEADS[1:], values, strict=True)))

    lines = [line(HEADS)] if is_wide else []
    for group in groups:
        lines.append(group.name)
        lines += [(line if is_wide else sentence)(rows[name]) for name in group.cells]
    return lines


def _row(name: str, cell: dict[str, Any]) -> tuple[str, ...]:
    """As HEADS says. Reports of older code lack some of it."""

    def estimate(key: str) -> str:
        value, low, high = (cell.get(f"{key}{end}") for end in ("", "_low", "_high"))
        return f"{fixed(value, '%+.2f')}{between(low, high, '%.2f')}"

    window = "none"
    if cell["phase_change"]:
        start, end = cell["phase_start_tokens"] / MILLION, cell["phase_end_tokens"] / MILLION
        window = f"{start:.2f}{NONE}{end:.2f} M"
    best = f"{cell['best_head']} {cell['prefix_matching_max']:.2f}"
    return name, estimate("icl_matched"), window, best, estimate("best_head_icl")


def _legend(study: Study) -> str:
    return (
        "ICL is in-context learning by the matched score, in nats; lower is more. The window is "
        "the stretch of training, in millions of tokens, in which it forms. The best head is the "
        "one with the highest prefix matching (induction heads have "
        f"{study.heads.kinds.induction:g} or more); it carries the ICL, in nats, that is lost "
        f"without it. Brackets are {100 * study.icl.interval:g}% intervals over evaluation "
        "sequences."
    )


def _plots(groups: list[Runs], path: Path, screen: Screen) -> list[str]:
    """Matched ICL over training, a plot per group, all with the same axes."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        curves: dict[str, tuple[list[float], list[float]]] = {}
        for row in rows:
            xs, ys = curves.setdefault(row["cell"], ([], []))
            xs.append(float(row[X]))
            # The last column; older reports have the usual score.
            ys.append(float([*row.values()][-1]))
    except FileNotFoundError:
        return []
    except (KeyError, ValueError, TypeError) as error:
        raise StageError(
            f"{path}: not as a report writes it ({error}); restore it from Git"
        ) from None
    end = max(x for xs, _ in curves.values() for x in xs)
    values = [y for _, ys in curves.values() for y in ys]
    # To the next tenth of a nat, which the labels say.
    ranges = (0.0, end), (floor(10 * min(values)) / 10, ceil(10 * max(values)) / 10)
    across = max(1, (screen.width + GAP) // (NARROWEST + GAP))
    width = min(WIDEST, (screen.width + GAP) // across - GAP)
    small = Screen(width, screen.is_ascii)
    blocks = [
        [
            textwrap.shorten(group.name, width, placeholder="..."),
            *plot(
                [Curve(*curves[name]) for name in group.cells if name in curves],
                _marked(group),
                *ranges,
                small,
            ),
            f"{'0':>8}{f'{end:.1f} M tokens':>{width - 8}}",
        ]
        for group in groups
    ]
    title = "ICL over training, in nats; the thick part of the axis is the window:"
    return [title, "", *side_by_side(blocks, width, GAP, across)[:-1]]


def _marked(group: Runs) -> tuple[float, float] | None:
    """From the first window's start to the last one's end, in millions of tokens."""
    if not group.changed:
        return None
    return (
        min(cell["phase_start_tokens"] for cell in group.changed) / MILLION,
        max(cell["phase_end_tokens"] for cell in group.changed) / MILLION,
    )


def claim_lines(claims: list[dict[str, Any]], study: Study) -> list[str]:
    """How many claims and controls have which verdict, and which claims failed: controls that
    failed stand above everything."""
    lines = []
    for kind, title in (("claim", "Claims of the paper"), ("control", "Controls")):
        rows = [claim for claim in claims if claim["kind"] == kind]
        verdicts = [claim["verdict"] for claim in rows]
        counts = [f"{verdicts.count(each)} {each}" for each in VERDICTS if each in verdicts]
        lines += [f"{title}: {', '.join(counts)}."] if counts else []
        lines += [f"  contradicted: {text}" for text in contradicted(rows)]
    needed = min((rule.seeds for rule in study.claims.rules.values()), default=0)
    here = max((claim.get("seeds") or 0 for claim in claims), default=needed)
    if here < needed:
        lines.append(
            f"The rules ask for {counted(needed)} seeds or more; with {counted(here)}, nothing is "
            "decided."
        )
    return lines


def _manifests(grid: str, study: Study) -> list[dict]:
    """Those of the corpora of a grid that are here, after `dvc pull report` perhaps none: with
    what was lost. What params.yaml asks to leave out is on the page."""
    corpora = {"", *(study.every_cell[cell].corpus_instance for cell in study.grids()[grid])}
    paths = [layout.source_of(MANIFEST, corpus).path for corpus in sorted(corpora)]
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    # Those of older code do not say; `make study` makes them anew.
    return [
        manifest | {"left_out": [row for row in manifest["left_out"] if row["is_lost"]]}
        for manifest in manifests
        if "left_out" in manifest
    ]


def _times() -> list[str]:
    times = ", ".join(f"{stage} {count}" for stage, count in seconds(TIMES).items())
    return [f"Seconds that each stage took when it last ran here: {times}."] if times else []


def _more(page: Path) -> list[str]:
    fetch = "" if page.exists() else ", which `dvc pull report` fetches and `make study` makes"
    return [
        f"The page with every figure, head, token and claim: {page}{fetch}",
        "The tables behind it: `make sql`; `induction query --catalog` lists them",
    ]


def _wrapped(lines: list[str], screen: Screen | None) -> Iterable[str]:
    """Lines that are longer than the screen, folded."""
    for line in lines:
        if screen is None or len(line) <= screen.width:
            yield line
        else:
            indent = "    " if line.startswith(" ") else ""
            yield from textwrap.wrap(
                line, screen.width, subsequent_indent=indent, break_on_hyphens=False
            )
