"""The claims and controls as their reader meets them: by the paper's arguments, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from induction.report.explanations import explanation
from induction.report.rows import Rows
from induction.report.strip import Strip, axis, draw
from induction.report.undecided import Undecided, undecided
from induction.report.units import Words, in_words
from induction.report.wording import joined

# By the paper's section, in the order of the page.
HEADINGS = {
    "Argument 1": "Argument 1: induction heads form in the same window as in-context learning",
    "Argument 2": "Argument 2: where the architecture makes induction heads easier, in-context "
    "learning comes earlier",
    "Argument 3": "Argument 3: in-context learning goes away when induction heads are removed",
    "Argument 4": "Argument 4: induction heads work on any text, on random tokens too",
    "Argument 5": "Argument 5: the weights show how induction heads work",
    "Validating head activation evaluators": "Argument 5: the weights show how induction heads "
    "work",
    "Comments": "Replications in the paper's comments",
    "Framework": "What the framework says of induction heads (Elhage et al. 2021)",
    "Model Analysis Table": "The model analysis table: where induction heads lie, and whether they "
    "copy",
    "Unexplained curiosities": "Curiosities that the paper leaves unexplained",
}
OTHERS = "Other claims"
FAMILIES = {"attention_only": "attention-only models", "mlp": "models with MLPs"}
FAILED, UNDECIDED = "contradicted", "inconclusive"
# How that part of a reason begins which says where a statistic has no value.
UNDEFINED = "not defined in "


@dataclass(frozen=True)
class Scoreboard:
    """The groups have the paper's claims by heading; `failed` and `undecided` have claims and
    controls, the claims first. `too_few` says how things stand where the seeds are too few to
    decide anything. A row is one of table claims, with what `_row` adds."""

    groups: dict[str, Rows]
    controls: Rows
    failed: Rows
    undecided: Rows
    too_few: Undecided | None

    @property
    def rows(self) -> Rows:
        return [*(row for group in self.groups.values() for row in group), *self.controls]

    @property
    def too_few_seeds(self) -> int:
        """How many are undecided for want of seeds."""
        return sum(0 < row["seeds"] < row["seeds_asked"] for row in self.undecided)


def scoreboard(
    claims: Rows,
    families: Rows,
    evidence: Rows,
    dates: Rows,
    kinds: Mapping[str, str],
    of_others: bool,
) -> Scoreboard:
    """From the rows of the three tables and of phases.sql; `kinds` are the models in words by cell,
    those of variations left out; `of_others`: of models that were not trained here."""
    apart, cells = _by_claim(families), _by_claim(evidence)
    rows = [
        _row(row, apart.get(row["claim"], []), cells.get(row["claim"], []))
        | {
            "why": explanation(row, dates, of_others),
            "models": joined(
                list(dict.fromkeys(kinds[cell] for cell in row["cells"].split() if cell in kinds))
            ),
        }
        for row in claims
    ]
    groups: dict[str, Rows] = {}
    for row in rows:
        if row["kind"] == "claim":
            groups.setdefault(heading(row["section"]), []).append(row)
    return Scoreboard(
        groups=groups,
        controls=[row for row in rows if row["kind"] == "control"],
        failed=[row for row in rows if row["verdict"] == FAILED],
        undecided=[row for row in rows if row["verdict"] == UNDECIDED],
        too_few=undecided(rows),
    )


def heading(section: str) -> str:
    """Of the group of a section of the paper."""
    return next((says for start, says in HEADINGS.items() if section.startswith(start)), OTHERS)


def says(row: dict) -> str:
    """Why a claim has its verdict, in a line: what was measured, and what its rule asks for."""
    if row["verdict"] == "not tested here":
        return f"{row['reason'][:1].upper()}{row['reason'][1:]}."
    words = _words(row, row)
    if words is None:
        return ""
    reading = row["reading"].replace("{}", words.both) or f"The value is {words.both}"
    return f"{reading}; the rule asks for {asked(row)}."


def asked(row: dict) -> str:
    """The rule's side and bound, in words; empty without a rule."""
    return f"{row['side']} {in_words(0, None, None, row['bound'], row['unit']).bound}".strip()


def _row(row: dict, families: Rows, evidence: Rows) -> dict:
    """What is said and drawn of a claim, beside its row of the table."""
    judged = [row, *families]
    drawn = zip(judged, _strips(judged, row), strict=True)
    first, *parts = (each | {"words": _words(each, row), "strip": strip} for each, strip in drawn)
    return first | {
        "says": says(row),
        "asked": asked(row),
        "undefined": _undefined(row),
        "of_seeds": _words(row, row, "seeds_low", "seeds_high"),
        "of_text": _words(row, row, "text_low", "text_high"),
        "parts": [
            part
            | {
                "name": FAMILIES[part["family"]],
                "says": part["words"].both if part["words"] else "",
            }
            for part in parts
        ],
        "evidence": [each | {"words": _words(each, row)} for each in evidence],
    }


def _undefined(row: dict) -> str:
    """Of the reason of a claim that has a value, which cells have none: verdict and seeds, of
    which the rest of it speaks, stand beside it."""
    _, there, cells = row["reason"].partition(UNDEFINED)
    return f"{there[:1].upper()}{there[1:]}{cells}." if there else ""


def _strips(judged: Rows, row: dict) -> list[Strip | None]:
    """Of a claim and its families, on one axis."""
    measured, bound = [each for each in judged if each["value"] is not None], row["bound"]
    if not measured or bound is None:
        return [None] * len(judged)
    on = axis(measured, bound, row["unit"])
    return [
        None if each["value"] is None else draw(each, on, bound, row["side"]) for each in judged
    ]


def _words(each: dict, row: dict, low: str = "low", high: str = "high") -> Words | None:
    """The value of `each`, a claim or one family or cell of it, by the claim's unit and bound."""
    if each["value"] is None:
        return None
    return in_words(each["value"], each[low], each[high], row["bound"], row["unit"])


def _by_claim(rows: Rows) -> dict[str, Rows]:
    """Of rows in which those of a claim lie together."""
    return {claim: list(each) for claim, each in groupby(rows, itemgetter("claim"))}
