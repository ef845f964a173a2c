"""What would decide a claim: the sentence names what `decide` then finds to be enough."""

import math
import re

import numpy as np
import pytest

from induction.claims.deciding import in_full
from induction.claims.definition import PROBES
from induction.claims.verdicts import Finding, decide
from induction.config.claims import Rule
from induction.interp.interventions import shortage

LEVEL = 0.95
AT_LEAST = Rule(seeds=3, at_least=0.5)
AT_MOST = Rule(seeds=3, at_most=0.5)
SEEDS = re.compile(r"(\d+) seeds instead of (\d+)")
TIMES = re.compile(r"([\d.]+) times the evaluation sequences")


def judged(mean: float, deviation: float, seeds: int, sequences: float, rule: Rule) -> Finding:
    """Of seeds with this mean and standard deviation, and an interval over sequences that reaches
    as far to either side."""
    values = np.linspace(-1, 1, seeds) if seeds > 1 else np.zeros(1)
    values = mean + values * (deviation / values.std(ddof=1) if seeds > 1 else 0)
    shifts = np.linspace(-1, 1, 401) * sequences / LEVEL if sequences else []
    return decide(values[:, None] + np.array([0, *shifts]), rule, LEVEL, "")


@pytest.mark.parametrize("rule", [AT_LEAST, AT_MOST], ids=["at least", "at most"])
@pytest.mark.parametrize("mean", [0.42, 0.58])
@pytest.mark.parametrize(
    ("deviation", "sequences", "wanted"),
    [
        (0.1, 0.0, (9, None)),
        (0.1, 0.04, (11, None)),
        (0.1, 0.16, (15, 7.7)),
        (0.01, 0.16, (5, 4.1)),
    ],
)
def test_with_what_it_names_the_verdict_is_the_one_it_names(
    rule, mean, deviation, sequences, wanted
):
    now = judged(mean, deviation, 5, sequences, rule)
    assert now.verdict == "inconclusive"
    seeds, times = SEEDS.search(now.decides), TIMES.search(now.decides)
    n = int(seeds[1]) if seeds else 5
    factor = float(times[1]) if times else 1.0
    assert (n, factor if times else None) == wanted
    then = judged(mean, deviation, n, sequences / math.sqrt(factor), rule)
    holds = (mean > 0.5) == (rule.side == "at least")
    assert then.verdict == ("supported" if holds else "contradicted")
    assert f"it would then be {then.verdict}." in now.decides and not then.decides
    if seeds:
        less = judged(mean, deviation, n - 1, sequences / math.sqrt(factor), rule)
        assert less.verdict == "inconclusive" or times, "half of the variance is a choice"
    if times:
        less = judged(mean, deviation, n, sequences / math.sqrt(factor - 0.1), rule)
        assert less.verdict == "inconclusive"
        assert "Seeds alone would not do" in now.decides
        assert judged(mean, deviation, 900, sequences, rule).verdict == "inconclusive"


@pytest.mark.parametrize(("rule", "down"), [(AT_LEAST, -1), (AT_MOST, 1)])
def test_the_end_of_the_sequences_that_faces_the_bound_counts(rule, down):
    """Resamples that reach far away from the bound do not keep the interval on it."""
    seeds = 0.5 - down * np.array([0.06, 0.08, 0.1, 0.12, 0.14])[:, None]
    reach = down * np.array([0, *np.linspace(0, 0.5, 101)])
    away = decide(seeds - reach, rule, LEVEL, "")
    towards = decide(seeds + reach, rule, LEVEL, "")
    assert away.verdict == "supported"
    assert towards.verdict == "inconclusive"
    # The 0.4875 of the resamples and 0.0393 of the seeds, and 0.1 to the bound: 28.1.
    assert towards.decides.startswith("About 29 times the evaluation sequences would decide it")


def test_too_few_seeds():
    one = judged(0.9, 0.0, 1, 0.0, AT_LEAST)
    assert one.decides == "Only one seed has a value. With 2 more like it, it would be supported."
    assert judged(0.9, 0.0, 1, 0.1, AT_LEAST).decides == one.decides
    near = judged(0.6, 0.0, 1, 0.2, AT_LEAST).decides
    assert near == (
        "Even with 3 such seeds the interval would reach both sides: it takes about 4.1 times as "
        "many evaluation sequences, too."
    )
    assert judged(0.9, 0.01, 2, 0.0, AT_LEAST).decides == (
        "Values of 3 seeds instead of 2 would decide it, if mean and spread stay as they are: it "
        "would then be supported."
    )
    agree = decide(np.full((2, 1), 0.9), AT_LEAST, LEVEL, "").decides
    assert agree.startswith("Values of 3 seeds instead of 2")
    many = judged(0.58, 0.1, 2, 0.0, AT_LEAST).decides
    assert "Values of about 9 seeds instead of 2 would decide it" in many


@pytest.mark.parametrize("rule", [AT_LEAST, AT_MOST], ids=["at least", "at most"])
@pytest.mark.parametrize("mean", [0.42, 0.58])
@pytest.mark.parametrize("sequences", [0.0, 0.04, 0.16])
def test_with_seeds_like_the_one_there_is_the_verdict_is_the_one_it_names(rule, mean, sequences):
    now = judged(mean, 0.0, 1, sequences, rule).decides
    then = judged(mean, 0.0, 3, sequences, rule).verdict
    assert now.startswith("Even with 3 such seeds") == (then == "inconclusive")
    assert then == "inconclusive" or now.endswith(f"more like it, it would be {then}.")


def test_a_rule_for_one_seed_asks_for_sequences_and_names_the_probes():
    values = np.array([[0.6, *(0.6 + np.linspace(-1, 1, 401) * 0.2 / LEVEL)]])
    rule = Rule(seeds=1, at_least=0.5)
    assert decide(values, rule, LEVEL, "", sample=PROBES).decides == (
        "About 4.1 times the random probes would decide it, if mean and spread stay as they are: "
        "it would then be supported."
    )


def test_what_nothing_decides_soon():
    assert judged(0.501, 0.1, 5, 0.0, AT_LEAST).decides == (
        "No number of seeds will decide it soon: the mean is so near the bound that 1,000 seeds "
        "would not do."
    )
    assert "1,000 seeds, and 1,000 times the evaluation sequences, would not do" in (
        judged(0.501, 0.1, 5, 0.1, AT_LEAST).decides
    )
    at_bound = decide(np.array([[0.25], [0.5], [0.75]]), AT_LEAST, LEVEL, "").decides
    assert at_bound.startswith("The mean is the bound itself")
    assert "would not change that" in judged(0.501, 0.0, 1, 0.5, AT_LEAST).decides


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("not resolvable: ICL gained is 0.02 [-0.1, 0.1]", "more evaluation sequences, or models"),
        ("the phase rule finds no change", "models that go through the change"),
        ("layer 1 has 1 head of no kind, the set has 2", "models with more heads in a layer"),
        ("no induction head", "models of which this is not so"),
    ],
)
def test_without_a_value_it_says_what_is_missing(reason, remedy):
    nothing = np.empty((0, 1))
    says = decide(nothing, AT_LEAST, LEVEL, f"not defined in 2 of 2 cells: {reason}").decides
    assert says.startswith(f"There is no value to judge: {reason}. It takes {remedy}")


def test_reasons_that_differ_in_a_number_share_their_words():
    reason = "not defined in 2 of 2 cells: not resolvable: it is 0.1; not resolvable: it is 0.2"
    says = decide(np.empty((0, 1)), AT_LEAST, LEVEL, reason).decides
    assert says.startswith("There is no value to judge: not resolvable: it is 0.1; 0.2. It takes")
    others = decide(np.empty((0, 1)), AT_LEAST, LEVEL, "not defined in 2 of 2 cells: a b; a c")
    assert others.decides.startswith("There is no value to judge: a b; a c. It takes")


def test_the_shortage_of_heads_is_put_in_words():
    """As stage interventions says it, also among others."""
    heads = frozenset({(1, 0), (1, 1)})
    reason = f"a; {shortage(heads, frozenset({(1, 2)}))}; b"
    assert in_full(reason) == (
        "a; layer 1 has too few heads that are neither induction nor previous-token nor "
        "positional heads: 1, and a random set takes 2; b"
    )
    assert in_full(shortage(heads, frozenset())).endswith(": 0, and a random set takes 2")
    assert in_full("no induction head") == "no induction head"


def test_what_is_decided_needs_no_more():
    for mean in (0.4, 0.6):
        assert judged(mean, 0.01, 5, 0.01, AT_LEAST).decides == ""
