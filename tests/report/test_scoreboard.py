"""The claims as their reader meets them: groups, sentences, explanations, drawings."""

import pytest

from induction.claims.registry import DEFINITIONS, TESTED
from induction.report.explanations import BY_DEFINITION, BY_TRAINING, explanation
from induction.report.scoreboard import OTHERS, heading, says, scoreboard
from induction.report.strip import PAD, WIDTH, axis, draw
from tests.judged import NOTHING, cell, part, row

FAILS = {"value": 0.2, "low": 0.1, "high": 0.3, "verdict": "contradicted"}
OPEN = {"value": 0.45, "low": 0.4, "high": 0.55, "verdict": "inconclusive"}


def board(*claims: dict, families=(), evidence=(), kinds=None):
    return scoreboard([*claims], [*families], [*evidence], [], kinds or {}, False)


def test_every_section_of_the_paper_has_a_heading():
    headings = [heading(claim.section) for claim in DEFINITIONS if claim.kind == "claim"]
    assert OTHERS not in headings
    # Claims of a group lie together, so that the order of the table is that of the page.
    seen = list(dict.fromkeys(headings))
    assert headings == sorted(headings, key=seen.index)
    assert [each[:10] for each in seen[:5]] == [f"Argument {i}" for i in range(1, 6)]


def test_claims_are_grouped_and_what_failed_and_what_is_open_stands_apart():
    result = board(
        row("a"),
        row("b", section="Argument 2", **FAILS),
        row("c", section="Argument 1; Model Details", **OPEN),
        row("d", kind="control", section="", **FAILS),
        row("e", kind="control", section="", seeds=2, verdict="inconclusive"),
        row("f", section="Appendix"),
    )
    names = [[each["claim"] for each in rows] for rows in result.groups.values()]
    assert names == [["a", "c"], ["b"], ["f"]]
    assert list(result.groups)[-1] == OTHERS
    assert [each["claim"] for each in result.controls] == ["d", "e"]
    assert [each["claim"] for each in result.failed] == ["b", "d"]
    assert [each["claim"] for each in result.undecided] == ["c", "e"]
    assert result.too_few_seeds == 1
    assert [each["claim"] for each in result.rows] == ["a", "c", "b", "f", "d", "e"]


def test_of_a_reason_the_row_repeats_what_stands_nowhere_else():
    where = "not defined in 1 of 3 cells: no head"
    for doubt in ("1 of 3 seeds; ", "the interval reaches to both sides; ", ""):
        assert board(row("a", reason=doubt + where)).rows[0]["undefined"] == f"N{where[1:]}."
    assert board(row("a", reason="1 of 3 seeds")).rows[0]["undefined"] == ""


def test_a_line_says_what_was_measured_and_what_the_rule_asks_for():
    assert says(row("a")) == "It takes 60 % [50, 70] of all; the rule asks for at least 50 %."
    assert says(row("a", reading="")) == (
        "The value is 60 % [50, 70]; the rule asks for at least 50 %."
    )
    untested = row("a", verdict="not tested here", reason="our models are small", **NOTHING)
    assert says(untested) == "Our models are small."
    assert says(row("a", verdict="inconclusive", **NOTHING)) == ""
    # A sentence from a table is text, not a format.
    assert says(row("a", reading="{0.__class__} {}")).startswith("{0.__class__} 60 %")


def test_families_and_cells_are_read_in_the_unit_of_their_claim():
    families = [part("a", "attention_only"), part("a", "mlp", **FAILS), part("b", "mlp", **NOTHING)]
    a, b = board(
        row("a"),
        row("b", **NOTHING),
        families=families,
        evidence=[cell("a", "x"), cell("a", "y", value=None)],
    ).rows
    assert [(p["name"], p["words"].both) for p in a["parts"]] == [
        ("attention-only models", "60 % [50, 70]"),
        ("models with MLPs", "20 % [10, 30]"),
    ]
    assert [e["words"] and e["words"].both for e in a["evidence"]] == ["60 % [50, 70]", None]
    assert (a["of_seeds"].interval, a["of_text"].interval) == ("[52, 68]", "[55, 65]")
    assert b["strip"] is None and b["parts"][0]["strip"] is None
    axes = {id(each["strip"].axis) for each in (a, *a["parts"])}
    assert len(axes) == 1, "what is compared is on one scale"


@pytest.mark.parametrize("side", ["at least", "at most"])
@pytest.mark.parametrize(
    ("unit", "value", "low", "high", "bound"),
    [
        ("share", 0.6, 0.5, 0.7, 0.5),
        ("share", 1.2, 1.1, 1.3, 0.9),
        ("nats", -1.49, -1.55, -1.42, -0.1),
        ("tokens", -1.16e6, -1.2e6, -1.1e6, 0.0),
        ("number", 0.94, None, None, 0.5),
        ("nats", 0.0, None, None, 0.0),
    ],
)
def test_strips_are_drawn_to_scale(unit, value, low, high, bound, side):
    claim = row("a", unit=unit, value=value, low=low, high=high, bound=bound, side=side)
    on = axis([claim], bound, unit)
    drawn = draw(claim, on, bound, side)
    for number in (value, low, high, bound, 0.0):
        assert number is None or on.first <= number <= on.last
    if unit == "share":
        assert on.first <= 0 and on.last >= 1, "shares lie on one scale"

    def number_at(x: float) -> float:
        return on.first + (x - PAD) / (WIDTH - 2 * PAD) * (on.last - on.first)

    near = pytest.approx
    exact = 0.1 / (WIDTH - 2 * PAD) * (on.last - on.first)
    assert number_at(drawn.value) == near(value, abs=exact)
    assert number_at(drawn.bound) == near(bound, abs=exact)
    if drawn.interval:
        assert [*map(number_at, drawn.interval)] == near([low, high], abs=exact)
    assert (drawn.interval is None) == (low is None)
    left, width = drawn.holds
    assert (left, left + width) == near(
        (drawn.bound, WIDTH) if side == "at least" else (0, drawn.bound)
    )


def test_the_ends_of_an_axis_are_round_and_named():
    claim = row("a", value=-1.162e6, low=-1.2112e6, high=-1.117e6)
    on = axis([claim], 0.0, "tokens")
    assert (on.first_says, on.last_says) == ("−1.3 M tokens", "0 M tokens")
    assert (on.first, on.last) == (-1.3e6, 0.0)
    on = axis([row("a")], 0.5, "share")
    assert (on.first, on.last, on.first_says, on.last_says) == (0, 1, "0 %", "100 %")
    on = axis([row("a", unit="points")], 0.5, "points")
    assert (on.first_says, on.last_says) == ("0 pp", "70 pp")


def test_a_label_without_room_is_left_out():
    wide = axis([row("a", value=-1234e9, low=-1234e9, high=4321e9)], 0.0, "tokens")
    assert (wide.first_says, wide.last_says) == ("", "4.4e+06 M tokens")


def test_explanations_are_of_claims_that_are_tested():
    assert set(BY_DEFINITION) | set(BY_TRAINING) <= set(TESTED)


def test_an_explanation_is_shown_where_the_value_fails():
    name, late = "exact_induction", "window_is_narrow"
    assert explanation(row(name, **FAILS), [], False) == BY_DEFINITION[name]
    assert explanation(row(name, **OPEN), [], False), "it is below the bound"
    assert explanation(row(name, **OPEN | {"value": 0.52}), [], False) == ""
    assert explanation(row(name, **OPEN, side="at most"), [], False) == ""
    assert explanation(row(name, **OPEN | {"value": 0.52}, side="at most"), [], False)
    assert explanation(row(name), [], False) == ""
    assert explanation(row(name, verdict="inconclusive", **NOTHING), [], False) == ""
    assert explanation(row("untrained", **FAILS), [], False) == ""
    # Of the training of others we know nothing.
    assert explanation(row(late, **FAILS), [], False) and not explanation(
        row(late, **FAILS), [], True
    )
    assert explanation(row(name, **FAILS), [], True)


def test_where_two_changes_lie_apart_their_distance_is_said():
    name = "qk_trace_in_window"

    def date(cell: str, signal: str, estimator: str, middle: int | None) -> dict:
        is_defined = middle is not None
        date = {"cell": cell, "signal": signal, "estimator": estimator, "is_defined": is_defined}
        return date | {"middle_tokens": middle}

    dates = [
        date("a", "icl", "levels", 2_000_000),
        date("a", "qk_trace", "levels", 1_000_000),
        date("a", "icl", "slope", 2_000_000),
        date("a", "qk_trace", "slope", 2_500_000),
        date("b", "icl", "levels", 2_000_000),
        date("b", "qk_trace", "levels", 500_000),
        date("b", "icl", "slope", None),
        date("b", "qk_trace", "slope", 9_000_000),
        date("b", "loss_bump", "levels", 9_000_000),
        date("other", "icl", "levels", 1_000_000),
        date("other", "qk_trace", "levels", 9_000_000),
    ]
    assert explanation(row(name, cells="a b", **FAILS), dates, False) == (
        f"{BY_DEFINITION[name]} On average, the middle of this change lies 1.25 M tokens before "
        "that of in-context learning by levels and 0.50 M tokens after it by slope."
    )
    assert explanation(row(name, cells="c", **FAILS), dates, False) == BY_DEFINITION[name]
    assert explanation(row("untrained", cells="a", **FAILS), dates, False) == ""
    assert explanation(row(name, cells="a"), dates, False) == ""


def test_the_models_that_a_claim_is_about_are_named_once():
    kinds = {f"a_s{i}": "two-layer attention-only model" for i in range(2)}
    kinds["b_s0"] = "one-layer model with smeared keys"
    both, none = board(
        row("a", cells="a_s0 a_s1 b_s0 adamw_s0"), row("b", cells=""), kinds=kinds
    ).rows
    assert both["models"] == (
        "two-layer attention-only models and one-layer models with smeared keys"
    )
    assert none["models"] == ""
