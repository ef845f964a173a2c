"""Matched against usual ICL."""

import pytest

from induction.report import score
from tests.report.madeup_findings import of


def test_the_intervals_of_both_scores_stand_side_by_side():
    shown, _ = of({"cell": "a", "icl": -0.5, "usual": -0.6}, {"cell": "b_s1", "icl": -0.2})
    first, second = score.comparisons(shown)
    assert first.usual == pytest.approx((-0.6, -1.0, -0.2))
    assert first.matched == pytest.approx((-0.5, -0.6, -0.4))
    assert round(first.times, 6) == round(second.times, 6) == 4.0, "0.8 nats against 0.2"
    assert score.sentence([first, second]).endswith("of the usual score is 4.0 times as wide.")
    wider = second._replace(times=6.0)
    assert "is 4.0 to 6.0 times as wide" in score.sentence([first, wider])
    assert score.sentence([]) == ""


def test_what_has_no_interval_is_not_compared():
    shown, _ = of({"cell": "a"})
    shown[0].first.scores.update(icl_matched_low=-0.5, icl_matched_high=-0.5)
    assert score.comparisons(shown) == []
