"""What is said of claims where the seeds are too few to decide any of them."""

import pytest

from induction.report.undecided import undecided
from tests.judged import NOTHING, row

ONE = {"verdict": "inconclusive", "seeds": 1}
AGAINST = ONE | {"value": 0.4, "low": 0.3, "high": 0.49}
BETWEEN = ONE | {"value": 0.6, "low": 0.4, "high": 0.7}


def names(rows) -> list[str]:
    return [each["claim"] for each in rows]


def test_claims_lie_on_their_side_on_the_other_or_on_both():
    result = undecided(
        [
            row("with", **ONE),
            row("at most", side="at most", **AGAINST),
            row("against", **AGAINST),
            row("against at most", side="at most", **ONE | {"low": 0.51}),
            row("bare", **AGAINST | {"low": None, "high": None}),
            row("both", **BETWEEN),
            row("both at most", side="at most", **BETWEEN),
            row("far", verdict="not tested here", seeds=0, **NOTHING),
            row("control", kind="control", **ONE),
            row("empty", kind="control", **ONE | {"seeds": 0} | NOTHING),
        ]
    )
    assert result
    assert names(result.agreeing) == ["with", "at most", "control"]
    assert names(result.opposing) == ["against", "against at most", "bare"]
    assert names(result.between) == ["both", "both at most"]
    assert names(result.valueless) == ["empty"]
    assert result.why == "With one seed nothing is decided, because the rules ask for 3."
    assert result.counts == (
        "Of the 7 claims that can be asked, 2 have their whole interval on the claim's side of the "
        "bound, 3 on the other side and 2 on both. Of the 2 controls that can be asked, 1 has its "
        "whole interval on the control's side of the bound and 1 has no value."
    )


def test_two_seeds_are_too_few_as_well():
    result = undecided([row("a", **ONE | {"seeds": 2}), row("b", **ONE)])
    assert result and result.why.startswith("With two seeds nothing is decided")
    assert result.counts.startswith("Of the 2 claims that can be asked, 2 have")
    assert "control" not in result.counts


@pytest.mark.parametrize(
    "rows",
    [
        [row("a", **ONE), row("b")],
        [row("a", **ONE), row("b", **BETWEEN | {"seeds": 3})],
        [row("a", verdict="not tested here", seeds=0, **NOTHING)],
        [row("a", **ONE | {"seeds": 0} | NOTHING)],
        [],
    ],
    ids=["decided", "enough seeds", "not tested", "no value", "nothing"],
)
def test_where_something_is_decided_or_nothing_measured_there_is_nothing_to_say(rows):
    assert undecided(rows) is None
