"""A comparison in words and numbers as people read them: for the page, the table and figures."""

from induction.report.compare.comparison import Comparison, Judged, Mean, Row
from induction.report.compare.measures import NUMBERS, Estimate, Measure
from induction.report.formatting import NONE, between, fixed, millions, significant

Table = tuple[str, list[str], list[str], list[list[str]]]  # title, notes, head, rows
ABSENT = "(not there)"
MILLION = 1e6
PARAMS = ["key", "A", "B"]
MEASURES = ["cell", "measure", "A", "B", "B − A", "interval", "clear"]
SEEDS = ["cells", "seeds", "measure", "mean of B − A over seeds", "clear"]
CLAIMS = ["claim", "A", "B", "holds if"]
EVALUATION = {
    "same": "Both were read on the same evaluation sequences, on which both err together.",
    "other": (
        "They were read on different evaluation sequences, which err independently, as the "
        "intervals of B − A assume. With another tokenizer a nat per token means something else."
    ),
    "not known": (
        "Whether both were read on the same evaluation sequences is not known (a summary.md or "
        "params.yaml is missing). If so, the intervals of B − A are wider than need be."
    ),
}
# On the same evaluation sequences.
INTERVALS = {
    "paired": (
        "“Paired” intervals are bootstraps of B − A sequence by sequence, where that cancels."
    ),
    "from both": (
        "Those “from both” are made of A's and B's own, as if they erred independently, and are "
        "wider than need be (a few times, for like models): that zero lies inside does not say "
        "that nothing changed."
    ),
}
NOT_PAIRED = "Not paired, for an older report has no sequences.csv: "
NOT_RUN = (
    "The params differ, but both reports were made with the same: what differs does not concern "
    "them, or has not run yet (make study)."
)


def number(found: Estimate | None, measure: Measure) -> str:
    """A value with its interval."""
    if found is None or measure.form is None:
        return NONE if found is None else millions(found.value)
    return f"{fixed(found.value, measure.form)}{between(found.low, found.high, measure.form)}"


def value(found: Estimate | str | None, measure: Measure) -> str:
    return number(found, measure) if not isinstance(found, str) else found


def signed(found: Estimate, measure: Measure) -> str:
    """A difference with its interval: three digits, and its sign."""
    scale, unit = (MILLION, " M") if measure.form is None else (1, "")
    ends = [None if end is None else end / scale for end in (found.low, found.high)]
    return f"{found.value / scale:+.3g}{unit}{between(*ends, '%+.3g')}"


def change(row: Row) -> str:
    """What a row differs by."""
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
    """What a circuit gained and lost; nothing is called none."""
    own, other = (set(names.split(" + ")) - {"none"} for names in (a, b))
    parts = {"gained": sorted(other - own), "lost": sorted(own - other)}
    return "; ".join(f"{word} {', '.join(edges)}" for word, edges in parts.items() if edges)


def clear(found: Row | Mean) -> str:
    """Whether the interval of the difference leaves out zero; nothing where there is none."""
    if found.change is None or found.change.low is None:
        return ""
    return "yes" if found.is_clear else "no"


def judgement(claim: Judged, side: str) -> str:
    own = getattr(claim, side)
    return ABSENT if own is None else f"{own.verdict}{_of(own.value)}"


def _of(found: Estimate | None) -> str:
    return "" if found is None else f": {significant(found.value)}{between(found.low, found.high)}"


def rule(claim: Judged) -> str:
    own, other = (side.rule if side else NONE for side in (claim.a, claim.b))
    return (other if own == other or claim.a is None else own if claim.b is None
            else f"A: {own}; B: {other}") or NONE  # fmt: skip


def titled(measure: Measure) -> str:
    return f"{measure.title}, {measure.unit}" if measure.unit else measure.title


def changed(found: Comparison) -> list[Row]:
    return [row for row in found.rows if row.status == "changed"]


def by_measure(found: Comparison) -> list[tuple[Measure, list[Row]]]:
    """The rows of every measure in which something changed."""
    own = dict.fromkeys(row.measure for row in changed(found))
    return [(one, [row for row in found.rows if row.measure == one]) for one in own]


def names(cells: list[str]) -> str:
    return ", ".join(cells)


def notes_on_cells(found: Comparison) -> list[str]:
    """Of which cells and measures there is nothing to say, or nothing new."""
    unknown = dict.fromkeys(row.measure.title for row in found.rows if row.status == "not known")
    same = found.identical()
    if len(same) == len(found.common) > 1:
        same = [f"all {len(same)} common cells"]
    said = {
        "Identical, to the last digit of all that both report: ": same,
        "In A only: ": found.only("a"),
        "In B only: ": found.only("b"),
        "Not compared everywhere, for an older report does not have it: ": list(unknown),
    }
    notes = [f"{text}{names(own)}." for text, own in said.items() if own]
    return notes if found.common else ["No cell is in both.", *notes]


def notes_on_intervals(found: Comparison) -> list[str]:
    """Whether both err together, and which intervals of B − A take it into account."""
    if found.evaluation != "same":
        return [EVALUATION[found.evaluation]]
    made = {row.interval for row in found.rows}
    notes = [EVALUATION["same"], *(text for kind, text in INTERVALS.items() if kind in made)]
    older = [side.name for side in (found.a, found.b) if side.sequences is None]
    missed = older and made & INTERVALS.keys()
    return [" ".join(notes), *([f"{NOT_PAIRED}{names(older)}."] if missed else [])]


def notes_on_params(found: Comparison) -> list[str]:
    if found.params is None:
        sides = [side.name for side in (found.a, found.b) if side.params is None]
        return [f"params: not known of {' and '.join(sides)} (no params.yaml there)."]
    if not found.params:
        return ["The same."]
    return [] if found.has_run else [NOT_RUN]


def notes_on_claims(found: Comparison) -> list[str]:
    if found.claims is None:
        sides = [side.name for side in (found.a, found.b) if side.claims is None]
        return [f"claims: not known of {' and '.join(sides)} (no claims.json there)."]
    counts = [sum(claim.rank == rank for claim in found.claims) for rank in (0, 1, 2)]
    return ["{} with another verdict, {} with another value or rule, {} the same.".format(*counts)]


def tables(found: Comparison) -> list[Table]:
    """What the terminal shows: what changed."""
    cells = [
        [row.cell, titled(row.measure), value(row.a, row.measure), value(row.b, row.measure),
         change(row), row.interval or "", clear(row)]
        for row in changed(found)
    ]  # fmt: skip
    order = list(found.common)
    cells.sort(key=lambda row: order.index(row[0]))
    seeds = [
        [mean.panel, str(mean.seeds), titled(mean.measure), signed(mean.change, mean.measure),
         clear(mean)]
        for mean in found.means
    ]  # fmt: skip
    claims = [
        [claim.either.text or claim.name, judgement(claim, "a"), judgement(claim, "b"), rule(claim)]
        for claim in found.claims or []
        if claim.rank < 2
    ]
    params = [[key, own or ABSENT, other or ABSENT] for key, own, other in found.params or []]
    shown = [
        ("Params", notes_on_params(found), PARAMS, params),
        ("Cells", [*notes_on_intervals(found), *notes_on_cells(found)], MEASURES, cells),
        ("Over seeds", [], SEEDS, seeds),
        ("Claims", notes_on_claims(found), CLAIMS, claims),
    ]
    return [own for own in shown if own[1] or own[3]]


def drawn_values(found: Comparison) -> list[dict]:
    """For the figure of both: a row per number and side, of cells and measures that changed."""
    rows = changed(found)
    cells, measures = {row.cell for row in rows}, {row.measure for row in rows}
    return [
        _drawn(row, own) | {"side": side}
        for row in found.rows
        if row.cell in cells and row.measure in measures and row.measure in NUMBERS
        for side, own in (("A", row.a), ("B", row.b))
        if isinstance(own, Estimate)
    ]


def drawn_changes(found: Comparison) -> list[dict]:
    """For the figure of differences: of those that have an interval."""
    return [
        _drawn(row, row.change) | {"clear": "leaves out 0" if row.is_clear else "holds 0"}
        for row in changed(found)
        if row.change and row.change.low is not None
    ]


def _drawn(row: Row, own: Estimate) -> dict:
    scale = MILLION if row.measure.form is None else 1
    ends = {"value": own.value, "low": own.low, "high": own.high}
    return {
        "panel": row.measure.title,
        "unit": f"{row.measure.unit} (millions)" if row.measure.form is None else row.measure.unit,
        "cell": row.cell,
        **{key: None if end is None else end / scale for key, end in ends.items()},
    }
