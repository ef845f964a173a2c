"""Two reports -> what differs: params, every measure of every cell, means over seeds, claims."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from induction.config.cells import Cell
from induction.config.errors import ParamsError
from induction.config.icl import IclSettings
from induction.config.strict import parse, parse_named
from induction.report.compare.difference import difference, is_clear, is_identical, over_seeds
from induction.report.compare.measures import (
    MEASURES,
    NUMBERS,
    CellValues,
    Estimate,
    Measure,
    printed,
)
from induction.report.compare.paired import READ_AT, Key, intervals
from induction.report.compare.sides import COMPARED, ReportedClaim, Side, param
from induction.report.dotted_keys import flatten
from induction.report.panels import panels

Status = Literal["same", "changed", "not known"]
# Whether both sides were read on the same evaluation sequences.
Evaluation = Literal["same", "other", "not known"]
# The source of an interval of B − A: differences sequence by sequence, or the intervals of both.
Interval = Literal["paired", "from both"]


@dataclass(frozen=True)
class CellChange:
    """One measure of one cell; `change` where it is a number on both sides."""

    cell: str
    measure: Measure
    a: Estimate | str | None
    b: Estimate | str | None
    status: Status
    change: Estimate | None = None
    interval: Interval | None = None

    @property
    def is_clear(self) -> bool:
        return self.change is not None and is_clear(self.change)


@dataclass(frozen=True)
class SeedMean:
    """The mean difference of a measure over `seeds` cells that differ in nothing but the seed."""

    panel: str
    measure: Measure
    seeds: int
    change: Estimate

    @property
    def is_clear(self) -> bool:
        return is_clear(self.change)


@dataclass(frozen=True)
class ClaimPair:
    """One claim on both sides; None where a side has none of that name."""

    name: str
    a: ReportedClaim | None
    b: ReportedClaim | None

    @property
    def either(self) -> ReportedClaim:
        claim = self.b or self.a
        assert claim is not None, "a claim of neither side is no pair"
        return claim

    @property
    def rank(self) -> int:
        """0: another verdict; 1: another value or rule; 2: the same."""
        if self.a is None or self.b is None or self.a.verdict != self.b.verdict:
            return 0
        return 1 if (self.a.value, self.a.rule) != (self.b.value, self.b.rule) else 2


class ParamChange(NamedTuple):
    """`a` or `b` is None where that side has no such key."""

    key: str
    a: str | None
    b: str | None


class ProvenanceChange(NamedTuple):
    """How many of a stage's `files` that both sides have differ in `what`."""

    stage: str
    what: str
    changed: int
    files: int


@dataclass(frozen=True)
class Comparison:
    a: Side
    b: Side
    rows: list[CellChange]
    means: list[SeedMean]
    claims: list[ClaimPair] | None
    params: list[ParamChange] | None
    provenances: list[ProvenanceChange]
    evaluation: Evaluation
    has_run: bool
    is_same: bool

    @property
    def common(self) -> list[str]:
        return [name for name in self.b.cells if name in self.a.cells]

    def only(self, side: Literal["a", "b"]) -> list[str]:
        here, there = (self.a, self.b) if side == "a" else (self.b, self.a)
        return [name for name in here.cells if name not in there.cells]

    def identical(self) -> list[str]:
        """Common cells of which nothing that is known in both differs, and a number is known."""
        changed = {row.cell for row in self.rows if row.status == "changed"}
        known = {row.cell for row in self.rows if row.change}
        return [cell for cell in self.common if cell in known - changed]


def compare(a: Side, b: Side) -> Comparison:
    common = [name for name in b.cells if name in a.cells]
    evaluation = _evaluation(a, b)
    paired = _paired(a, b, common) if evaluation == "same" else {}
    rows = [
        _row(cell, measure, a.cells[cell], b.cells[cell], paired.get((cell, measure.key)))
        for measure in MEASURES
        for cell in common
    ]
    params = None if a.params is None or b.params is None else _params(a.params, b.params)
    return Comparison(
        a=a,
        b=b,
        rows=rows,
        means=_means(a, b, rows),
        claims=None if a.claims is None or b.claims is None else _claims(a.claims, b.claims),
        params=params,
        provenances=_provenances(a, b),
        evaluation=evaluation,
        # The hashes are of the params with which the reports were made.
        has_run=not (params and _have_same_params(a, b)),
        is_same=a.files == b.files,
    )


def _row(
    cell: str, measure: Measure, a: CellValues, b: CellValues, paired: tuple[float, float] | None
) -> CellChange:
    before, after = a.get(measure.key), b.get(measure.key)
    if measure.key not in a or measure.key not in b:
        return CellChange(cell, measure, before, after, "not known")
    if isinstance(before, Estimate) and isinstance(after, Estimate):
        status = "same" if is_identical(before, after) else "changed"
        change = difference(before, after, paired)
        interval = None if change.low is None else "from both" if paired is None else "paired"
        return CellChange(cell, measure, before, after, status, change, interval)
    return CellChange(cell, measure, before, after, "same" if before == after else "changed")


def _paired(a: Side, b: Side, common: list[str]) -> dict[Key, tuple[float, float]]:
    """The intervals of measures that both sides read on the same sequences at the same positions.

    Only cells on the study's text: reports have no hash of other texts, so those may differ.
    """
    icl = _icl(b) or _icl(a)
    if a.sequences is None or b.sequences is None or icl is None:
        return {}
    keys = [
        key
        for key, names in READ_AT.items()
        if all(param(a.params, "icl", name) == param(b.params, "icl", name) for name in names)
    ]
    differences = {
        (cell, key): b.sequences[cell][key] - a.sequences[cell][key]
        for cell in common
        for key in keys
        if _is_on_the_text(a, cell)
        and _is_on_the_text(b, cell)
        and key in a.sequences[cell]
        and key in b.sequences[cell]
        and a.sequences[cell][key].shape == b.sequences[cell][key].shape
    }
    return intervals(differences, icl)


def _icl(side: Side) -> IclSettings | None:
    """Section `icl`; None if this version cannot read it."""
    try:
        return parse(IclSettings, param(side.params, "icl"), "icl")
    except ParamsError:
        return None


def _is_on_the_text(side: Side, cell: str) -> bool:
    """Whether the params have the cell, on the text of section `corpus`."""
    entry = param(side.params, "cells", cell) or param(side.params, "published", cell)
    return isinstance(entry, dict) and not entry.get("corpus")


def _means(a: Side, b: Side, rows: list[CellChange]) -> list[SeedMean]:
    """For every panel with two or more seeds on both sides; pairs are cells of one name and seed.

    A measure that is not defined in some seed is averaged over the others; one that is the same
    in all seeds is left out.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    panels_a, panels_b = _panels(a), _panels(b)
    for cell in panels_a.keys() & panels_b.keys():
        if panels_a[cell]["seed"] == panels_b[cell]["seed"]:
            key = panels_a[cell]["panel"], panels_b[cell]["panel"]
            groups.setdefault(key, []).append(cell)
    order = list(b.cells)
    in_order = sorted(groups.items(), key=lambda item: min(map(order.index, item[1])))
    level = param(b.params, "claims", "interval") or param(a.params, "claims", "interval")
    usable = isinstance(level, float) and 0 < level < 1
    means = []
    for measure in NUMBERS:
        of_measure = [row for row in rows if row.measure == measure]
        for (_, panel), cells in in_order:
            changes = [row.change.value for row in of_measure if row.cell in cells and row.change]
            if len(changes) >= 2 and any(changes):
                mean = over_seeds(changes, level if usable else None)
                means.append(SeedMean(panel, measure, len(changes), mean))
    return means


def _panels(side: Side) -> dict[str, dict]:
    """The panel and the seed of every cell in the params; none if this version cannot read them."""
    try:
        grid = {
            name: cell
            for section in ("cells", "published")
            for name, cell in parse_named(Cell, param(side.params, section) or {}, section).items()
            if name in side.cells
        }
    except ParamsError:
        return {}
    return {row["cell"]: row for row in panels(dict(sorted(grid.items())))}


def _claims(a: dict[str, ReportedClaim], b: dict[str, ReportedClaim]) -> list[ClaimPair]:
    """Changed verdicts first; else in the order of B, then of A."""
    pairs = [ClaimPair(name, a.get(name), b.get(name)) for name in {**b, **a}]
    return sorted(pairs, key=lambda pair: pair.rank)


def _params(a: dict, b: dict) -> list[ParamChange]:
    """In the order of B, then of A."""
    lines_a, lines_b = flatten(a), flatten(b)
    changes = [(key, lines_a.get(key), lines_b.get(key)) for key in {**lines_b, **lines_a}]
    return [
        ParamChange(printed(key), *(None if line is None else printed(line) for line in (old, new)))
        for key, old, new in changes
        if old != new
    ]


def _provenances(a: Side, b: Side) -> list[ProvenanceChange]:
    if a.provenances is None or b.provenances is None:
        return []
    stages: dict[str, list[tuple[dict, dict]]] = {}
    for path, entry in b.provenances.items():
        if path in a.provenances:
            stages.setdefault(str(entry["stage"]), []).append((a.provenances[path], entry))
    counts = [
        ProvenanceChange(printed(stage), key, sum(x[key] != y[key] for x, y in pairs), len(pairs))
        for stage, pairs in stages.items()
        for key in COMPARED
    ]
    return [change for change in counts if change.changed]


def _have_same_params(a: Side, b: Side) -> bool:
    """Whether both reports, and all that they were made of, were made with the same params."""
    before, after = a.provenances, b.provenances
    if not before or not after or before.keys() != after.keys():
        return False
    return all(before[path]["params"] == after[path]["params"] for path in before)


def _evaluation(a: Side, b: Side) -> Evaluation:
    """By the hash of the text, and by section `corpus`, which draws the sequences from it."""
    corpus_a, corpus_b = (param(side.params, "corpus") for side in (a, b))
    if None in (corpus_a, corpus_b, a.text, b.text):
        return "not known"
    return "same" if (corpus_a, a.text) == (corpus_b, b.text) else "other"
