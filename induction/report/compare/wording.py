"""A comparison in words and formatted numbers: for the page, the terminal and the figures."""

from typing import NamedTuple

from induction.report.compare.comparison import CellChange, ClaimPair, Comparison, SeedMean
from induction.report.compare.measures import NUMBERS, Estimate, Measure
from induction.report.compare.sides import ReportedClaim
from induction.report.formatting import NONE, between, fixed, millions, significant


class Table(NamedTuple):
    """A section of the terminal's output: notes, and rows below a head."""

    title: str
    notes: list[str]
    head: list[str]
    rows: list[list[str]]


ABSENT = "(not there)"
MILLION = 1e6
PARAMS = ["key", "A", "B"]
MEASURES = ["cell", "measure", "A", "B", "B − A", "interval", "clear"]
SEEDS = ["cells", "seeds", "measure", "mean of B − A over seeds", "clear"]
CLAIMS = ["claim", "A", "B", "holds if"]
EVALUATION = {
    "same": "Both were evaluated on the same sequences, so that their errors are related.",
    "other": (
        "They were evaluated on different sequences: their errors are independent, as the "
        "intervals of B − A assume. With another tokenizer a nat per token means something else."
    ),
    "not known": (
        "Whether both were evaluated on the same sequences is not known (a summary.md or "
        "params.yaml is missing). If so, the intervals of B − A are wider than need be."
    ),
}
# On the same evaluation sequences.
INTERVALS = {
    "paired": (
        "“Paired” intervals are bootstraps of B − A sequence by sequence, where shared errors "
        "cancel."
    ),
    "from both": (
        "Those “from both” are computed from the intervals of A and B as if their errors were "
        "independent, and are wider than need be (a few times, for similar models): that zero "
        "lies inside does not say that nothing changed."
    ),
}
NOT_PAIRED = "Not paired, because an older report has no sequences.csv: "
NOT_RUN = (
    "The params differ, but both reports were made with the same ones: what differs does not "
    "affect them, or has not run yet (make study)."
)


def value(value: Estimate | str | None, measure: Measure) -> str:
    """A name, or a number with its interval."""
    if not isinstance(value, Estimate):
        return value or NONE
    if measure.form is None:
        return millions(value.value)
    return f"{fixed(value.value, measure.form)}{between(value.low, value.high, measure.form)}"


def signed(change: Estimate, measure: Measure) -> str:
    """A difference with its interval: three digits, and its sign."""
    scale, unit = (MILLION, " M") if measure.form is None else (1, "")
    low, high = (None if end is None else end / scale for end in (change.low, change.high))
    return f"{fixed(change.value / scale, '%+.3g')}{unit}{between(low, high, '%+.3g')}"


def change(row: CellChange) -> str:
    """B − A, or what became of a name."""
    if row.status == "not known":
        return NONE
    if row.change is not None:
        return "0" if row.status == "same" else signed(row.change, row.measure)
    if row.status == "same":
        return NONE if row.a is None else "same"
    if row.measure.key == "circuit" and isinstance(row.a, str) and isinstance(row.b, str):
        return _edges(row.a, row.b)
    return "changed"


def _edges(a: str, b: str) -> str:
    """The edges that a circuit gained and lost; a circuit without edges is called none."""
    before, after = (set(names.split(" + ")) - {"none"} for names in (a, b))
    parts = {"gained": sorted(after - before), "lost": sorted(before - after)}
    return "; ".join(f"{word} {', '.join(edges)}" for word, edges in parts.items() if edges)


def clear(row: CellChange | SeedMean) -> str:
    """Whether the interval of the difference leaves out zero; empty where there is none."""
    if row.change is None or row.change.low is None:
        return ""
    return "yes" if row.is_clear else "no"


def judgement(claim: ReportedClaim | None) -> str:
    """The verdict, and the value with its interval."""
    if claim is None or claim.value is None:
        return ABSENT if claim is None else claim.verdict
    interval = between(claim.value.low, claim.value.high)
    return f"{claim.verdict}: {significant(claim.value.value)}{interval}"


def rule(claim: ClaimPair) -> str:
    rules = list(dict.fromkeys(side.rule for side in (claim.a, claim.b) if side))
    return (f"A: {rules[0]}; B: {rules[1]}" if len(rules) == 2 else rules[0]) or NONE


def titled(measure: Measure) -> str:
    return f"{measure.title}, {measure.unit}" if measure.unit else measure.title


def changed(comparison: Comparison) -> list[CellChange]:
    return [row for row in comparison.rows if row.status == "changed"]


def by_measure(comparison: Comparison) -> list[tuple[Measure, list[CellChange]]]:
    """The rows of every measure in which something changed."""
    measures = dict.fromkeys(row.measure for row in changed(comparison))
    return [(one, [row for row in comparison.rows if row.measure == one]) for one in measures]


def notes_on_cells(comparison: Comparison) -> list[str]:
    """The cells and measures that were not compared, or did not change."""
    unknown = dict.fromkeys(
        row.measure.title for row in comparison.rows if row.status == "not known"
    )
    same = comparison.identical()
    if len(same) == len(comparison.common) > 1:
        same = [f"all {len(same)} common cells"]
    listed = {
        "Identical, to the last digit of everything that both report: ": same,
        "In A only: ": comparison.only("a"),
        "In B only: ": comparison.only("b"),
        "Not compared everywhere, because an older report does not have it: ": list(unknown),
    }
    notes = [f"{text}{', '.join(names)}." for text, names in listed.items() if names]
    return notes if comparison.common else ["No cell is in both.", *notes]


def notes_on_intervals(comparison: Comparison) -> list[str]:
    """Whether the errors of both are independent, and which intervals take that into account."""
    if comparison.evaluation != "same":
        return [EVALUATION[comparison.evaluation]]
    kinds = {row.interval for row in comparison.rows}
    notes = [EVALUATION["same"], *(text for kind, text in INTERVALS.items() if kind in kinds)]
    older = [side.name for side in (comparison.a, comparison.b) if side.sequences is None]
    missed = older and kinds & INTERVALS.keys()
    return [" ".join(notes), *([f"{NOT_PAIRED}{', '.join(older)}."] if missed else [])]


def notes_on_params(comparison: Comparison) -> list[str]:
    if comparison.params is None:
        return [_not_known(comparison, "params", "params.yaml")]
    if not comparison.params:
        return ["The same."]
    return [] if comparison.has_run else [NOT_RUN]


def notes_on_claims(comparison: Comparison) -> list[str]:
    if comparison.claims is None:
        return [_not_known(comparison, "claims", "claims.json")]
    counts = [sum(claim.rank == rank for claim in comparison.claims) for rank in (0, 1, 2)]
    return ["{} with another verdict, {} with another value or rule, {} the same.".format(*counts)]


def _not_known(comparison: Comparison, what: str, file: str) -> str:
    sides = [side.name for side in (comparison.a, comparison.b) if getattr(side, what) is None]
    return f"{what}: not known of {' and '.join(sides)} (no {file} there)."


def tables(comparison: Comparison) -> list[Table]:
    """What changed, for the terminal."""
    cells = [
        [row.cell, titled(row.measure), value(row.a, row.measure), value(row.b, row.measure),
         change(row), row.interval or "", clear(row)]
        for row in changed(comparison)
    ]  # fmt: skip
    cells.sort(key=lambda row: comparison.common.index(row[0]))
    seeds = [
        [mean.panel, str(mean.seeds), titled(mean.measure), signed(mean.change, mean.measure),
         clear(mean)]
        for mean in comparison.means
    ]  # fmt: skip
    claims = [
        [claim.either.text or claim.name, judgement(claim.a), judgement(claim.b), rule(claim)]
        for claim in comparison.claims or []
        if claim.rank < 2
    ]
    params = [
        [change.key, change.a or ABSENT, change.b or ABSENT] for change in comparison.params or []
    ]
    sections = [
        Table("Params", notes_on_params(comparison), PARAMS, params),
        Table(
            "Cells", [*notes_on_intervals(comparison), *notes_on_cells(comparison)], MEASURES, cells
        ),
        Table("Over seeds", [], SEEDS, seeds),
        Table("Claims", notes_on_claims(comparison), CLAIMS, claims),
    ]
    return [section for section in sections if section.notes or section.rows]


def value_rows(comparison: Comparison) -> list[dict]:
    """A row per number and side, of cells and measures that changed: figures.comparison.values."""
    rows = changed(comparison)
    cells, measures = {row.cell for row in rows}, {row.measure for row in rows}
    return [
        _drawn(row, estimate) | {"side": side}
        for row in comparison.rows
        if row.cell in cells and row.measure in measures and row.measure in NUMBERS
        for side, estimate in (("A", row.a), ("B", row.b))
        if isinstance(estimate, Estimate)
    ]


def change_rows(comparison: Comparison) -> list[dict]:
    """The differences that have an interval: figures.comparison.changes."""
    return [
        _drawn(row, row.change) | {"clear": "leaves out 0" if row.is_clear else "holds 0"}
        for row in changed(comparison)
        if row.change and row.change.low is not None
    ]


def _drawn(row: CellChange, estimate: Estimate) -> dict:
    scale = MILLION if row.measure.form is None else 1
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {
        "panel": row.measure.title,
        "unit": f"{row.measure.unit} (millions)" if row.measure.form is None else row.measure.unit,
        "cell": row.cell,
        **{key: None if end is None else end / scale for key, end in numbers.items()},
    }
