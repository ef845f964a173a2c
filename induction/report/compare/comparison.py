"""Two sides -> what differs: params, every measure of every cell, means over seeds, claims."""

import json
from dataclasses import dataclass
from typing import Literal

from induction.report.flat import flattened

from induction.config.cells import Cell
from induction.config.icl import IclSettings
from induction.config.strict import ParamsError, parse, parse_named
from induction.report.compare.difference import difference, is_clear, is_identical, over_seeds
from induction.report.compare.measures import MEASURES, NUMBERS, Estimate, Found, Measure, printed
from induction.report.compare.paired import READ_AT, Key, intervals
from induction.report.compare.sides import MADE, Claim, Side, at
from induction.report.panels import panels

Status = Literal["same", "changed", "not known"]
# Whether both sides were read on the same evaluation sequences.
Evaluation = Literal["same", "other", "not known"]
# What an interval of B − A is made of: differences sequence by sequence, or A's and B's own.
Interval = Literal["paired", "from both"]


@dataclass(frozen=True)
class Row:
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
class Mean:
    """The mean difference of a measure over `seeds` cells that differ in nothing but the seed."""

    panel: str
    measure: Measure
    seeds: int
    change: Estimate

    @property
    def is_clear(self) -> bool:
        return is_clear(self.change)


@dataclass(frozen=True)
class Judged:
    """One claim in both; None where a side has none of that name."""

    name: str
    a: Claim | None
    b: Claim | None

    @property
    def either(self) -> Claim:
        return self.b or self.a

    @property
    def rank(self) -> int:
        """0: another verdict; 1: another value or rule; 2: the same."""
        if self.a is None or self.b is None or self.a.verdict != self.b.verdict:
            return 0
        return 1 if (self.a.value, self.a.rule) != (self.b.value, self.b.rule) else 2


@dataclass(frozen=True)
class Comparison:
    a: Side
    b: Side
    rows: list[Row]
    means: list[Mean]
    claims: list[Judged] | None
    params: list[tuple[str, str | None, str | None]] | None
    made: list[tuple[str, str, int, int]]
    evaluation: Evaluation
    has_run: bool
    is_same: bool

    @property
    def common(self) -> list[str]:
        return [name for name in self.b.cells if name in self.a.cells]

    def only(self, side: Literal["a", "b"]) -> list[str]:
        own, other = (self.a, self.b) if side == "a" else (self.b, self.a)
        return [name for name in own.cells if name not in other.cells]

    def identical(self) -> list[str]:
        """Common cells of which nothing that is known in both differs, and a number is known."""
        return [
            cell
            for cell in self.common
            if not any(row.status == "changed" for row in self.rows if row.cell == cell)
            and any(row.change for row in self.rows if row.cell == cell)
        ]


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
    made = _made(a, b)
    return Comparison(
        a=a,
        b=b,
        rows=rows,
        means=_means(a, b, rows),
        claims=None if a.claims is None or b.claims is None else _claims(a.claims, b.claims),
        params=params,
        made=made,
        evaluation=evaluation,
        # The hashes are of the params with which the reports were made.
        has_run=not (params and _is_made_alike(a, b)),
        is_same=a.files == b.files,
    )


def _row(
    cell: str, measure: Measure, a: Found, b: Found, paired: tuple[float, float] | None
) -> Row:
    own, other = a.get(measure.key), b.get(measure.key)
    if measure.key not in a or measure.key not in b:
        return Row(cell, measure, own, other, "not known")
    if isinstance(own, Estimate) and isinstance(other, Estimate):
        status = "same" if is_identical(own, other) else "changed"
        change = difference(own, other, paired)
        interval = None if change.low is None else "from both" if paired is None else "paired"
        return Row(cell, measure, own, other, status, change, interval)
    return Row(cell, measure, own, other, "same" if own == other else "changed")


def _paired(a: Side, b: Side, common: list[str]) -> dict[Key, tuple[float, float]]:
    """The intervals of what both sides know of the same sequences, and read at the same positions.

    Of other texts than the study's there is no hash, so that they may differ.
    """
    icl = _icl(b) or _icl(a)
    if a.sequences is None or b.sequences is None or icl is None:
        return {}
    keys = [
        key
        for key, names in READ_AT.items()
        if all(at(a.params, "icl", name) == at(b.params, "icl", name) for name in names)
    ]
    differences = {
        (cell, key): b.sequences[cell][key] - a.sequences[cell][key]
        for cell in common
        for key in keys
        if _is_on_the_text(a, cell)
        and _is_on_the_text(b, cell)
        and a.sequences[cell][key].shape == b.sequences[cell][key].shape
    }
    return intervals(differences, icl)


def _icl(side: Side) -> IclSettings | None:
    """Section `icl`; None if the params do not say it as this version does."""
    try:
        return parse(IclSettings, at(side.params, "icl"), "icl")
    except ParamsError:
        return None


def _is_on_the_text(side: Side, cell: str) -> bool:
    """Whether the params have the cell, on the text of section `corpus`."""
    own = at(side.params, "cells", cell) or at(side.params, "published", cell)
    return isinstance(own, dict) and not own.get("corpus")


def _means(a: Side, b: Side, rows: list[Row]) -> list[Mean]:
    """Of every panel with two seeds and more on both sides: pairs are cells of one name and seed.

    A measure that is not defined in some seed is averaged over the others; one that is the same
    in all seeds is left out.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    own, other = _panels(a), _panels(b)
    for cell in own.keys() & other.keys():
        if own[cell]["seed"] == other[cell]["seed"]:
            groups.setdefault((own[cell]["panel"], other[cell]["panel"]), []).append(cell)
    order = list(b.cells)
    level = at(b.params, "claims", "interval") or at(a.params, "claims", "interval")
    usable = isinstance(level, float) and 0 < level < 1
    found = []
    for measure in NUMBERS:
        for (_, panel), cells in sorted(
            groups.items(), key=lambda item: min(map(order.index, item[1]))
        ):
            changes = [
                row.change.value
                for row in rows
                if row.measure == measure and row.cell in cells and row.change
            ]
            if len(changes) >= 2 and any(changes):
                mean = over_seeds(changes, level if usable else None)
                found.append(Mean(panel, measure, len(changes), mean))
    return found


def _panels(side: Side) -> dict[str, dict]:
    """The panel and the seed of every cell that the params define; none if they do not say it
    as this version does."""
    try:
        grid = {
            name: cell
            for section in ("cells", "published")
            for name, cell in parse_named(Cell, at(side.params, section) or {}, section, 0).items()
            if name in side.cells
        }
    except ParamsError:
        return {}
    return {row["cell"]: row for row in panels(dict(sorted(grid.items())))}


def _claims(a: dict[str, Claim], b: dict[str, Claim]) -> list[Judged]:
    """Those whose verdict changed first; else in the order of B, then of A."""
    names = list(dict.fromkeys([*b, *a]))
    found = [Judged(name, a.get(name), b.get(name)) for name in names]
    return sorted(found, key=lambda own: own.rank)


def _params(a: dict, b: dict) -> list[tuple[str, str | None, str | None]]:
    """Key, A, B of what differs, in the order of B, then of A; None where there is no such key."""
    own, other = flattened(a), flattened(b)
    keys = list(dict.fromkeys([*other, *own]))
    return [
        (
            printed(key),
            *(None if side.get(key) is None else printed(side[key]) for side in (own, other)),
        )
        for key in keys
        if own.get(key) != other.get(key)
    ]


def _made(a: Side, b: Side) -> list[tuple[str, str, int, int]]:
    """Stage, what differs (code, params or versions), in how many of how many common files."""
    if a.made is None or b.made is None:
        return []
    common = [path for path in b.made if path in a.made]
    stages = dict.fromkeys(str(b.made[path]["stage"]) for path in common)
    found = []
    for stage in stages:
        files = [path for path in common if str(b.made[path]["stage"]) == stage]
        for key in MADE:
            moved = sum(a.made[path][key] != b.made[path][key] for path in files)
            if moved:
                found.append((printed(stage), key, moved, len(files)))
    return found


def _is_made_alike(a: Side, b: Side) -> bool:
    """Whether both reports, and all that they were made of, were made with the same params."""
    if not a.made or not b.made or a.made.keys() != b.made.keys():
        return False
    return all(a.made[path]["params"] == b.made[path]["params"] for path in a.made)


def _evaluation(a: Side, b: Side) -> Evaluation:
    """By the hash of the text, and by section `corpus`, which draws the sequences from it."""
    own, other = (json.dumps(at(side.params, "corpus"), sort_keys=True) for side in (a, b))
    if "null" in (own, other) or a.text is None or b.text is None:
        return "not known"
    return "same" if (own, a.text) == (other, b.text) else "other"
