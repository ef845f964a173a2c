"""Values of claims in words."""

import pytest

from induction.claims.registry import DEFINITIONS
from induction.report.units import UNITS, in_words


@pytest.mark.parametrize(
    ("numbers", "unit", "both", "bound"),
    [
        ((0.919, 0.799, 0.975, 0.75), "share", "92 % [80, 98]", "75 %"),
        # Next to the bound, as many decimals as it takes to see the side.
        ((0.3017, 0.2753, 0.3445, 0.3), "share", "30.2 % [27.5, 34.4]", "30 %"),
        ((0.29996, None, None, 0.3), "share", "29.996 %", "30 %"),
        ((0.5, 0.4, 0.6, 0.5), "share", "50 % [40, 60]", "50 %"),
        ((0.0082, 0.0003, 0.0204, 0.25), "share", "0.8 % [0.0, 2.0]", "25 %"),
        ((0.0, 0.0, 0.0, 0.9), "share", "0 % [0, 0]", "90 %"),
        ((0.335, -0.009, 0.502, 0.0), "points", "34 percentage points [−1, 50]",
            "0 percentage points"),
        ((-1.4899, -1.55, -1.4189, -0.1), "nats", "−1.49 nats [−1.55, −1.42]", "−0.1 nats"),
        ((-0.0005, -0.016, 0.015, 0.15), "nats", "0.00 nats [−0.02, 0.01]", "0.15 nats"),
        ((75.4, 57.4, 93.3, 60.0), "degrees", "75° [57, 93]", "60°"),
        ((-1.162e6, -1.211e6, -1.117e6, 0.0), "tokens", "−1.16 M tokens [−1.21, −1.12]",
            "0 M tokens"),
        ((0.9397, None, None, None), "number", "0.94", ""),
    ],
)  # fmt: skip
def test_a_value_in_its_unit(numbers, unit, both, bound):
    words = in_words(*numbers, unit)
    assert (words.both, words.bound) == (both, bound)


def test_every_claim_that_is_tested_has_a_unit_and_a_sentence_for_its_value():
    for claim in DEFINITIONS:
        assert claim.unit in UNITS
        assert bool(claim.unit) == bool(claim.statistic)
        assert claim.reading.count("{}") == bool(claim.statistic), claim.name
        assert not claim.reading.endswith(".")
    assert {claim.unit for claim in DEFINITIONS} == set(UNITS)
