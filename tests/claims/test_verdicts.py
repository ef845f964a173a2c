"""Verdicts: intervals against a textbook and a simulation, rules by their edges."""

import math

import numpy as np
import pytest
import yaml

from induction.claims.registry import DEFINITIONS, TESTED
from induction.claims.verdicts import decide, spelled, untested
from induction.config.claims import ClaimSettings, Rule
from induction.config.errors import ParamsError
from induction.config.strict import parse

AT_LEAST = Rule(seeds=3, at_least=0.5)
AT_MOST = Rule(seeds=3, at_most=0.5)


def verdict(values: list[float], rule: Rule) -> str:
    return decide(np.array(values), rule, 0.95, "why").verdict


@pytest.mark.parametrize(
    ("values", "at_least", "at_most"),
    [
        ([0.80, 0.81, 0.82], "supported", "contradicted"),
        ([0.10, 0.11, 0.12], "contradicted", "supported"),
        ([0.40, 0.50, 0.60], "inconclusive", "inconclusive"),
        ([0.5, 0.5, 0.5], "supported", "supported"),
        # The mean is far on one side, but three seeds do not agree.
        ([0.4, 0.9, 1.4], "inconclusive", "inconclusive"),
    ],
)
def test_the_whole_interval_decides(values, at_least, at_most):
    assert verdict(values, AT_LEAST) == at_least
    assert verdict(values, AT_MOST) == at_most


def test_cells_that_were_left_out_are_named_whatever_the_verdict():
    for values in ([0.8, 0.81, 0.82], [0.1, 0.11, 0.12], [0.4, 0.5, 0.6]):
        assert decide(np.array(values), AT_LEAST, 0.95, "why").reason.endswith("why")


def test_too_few_seeds_are_inconclusive_and_said_so():
    finding = decide(np.array([0.9, 0.91]), AT_LEAST, 0.95, "")
    assert (finding.verdict, finding.reason) == ("inconclusive", "2 of 3 seeds")
    assert finding.value == pytest.approx(0.905)
    finding = decide(np.array([0.9]), AT_LEAST, 0.95, "no window in attn2_s1")
    assert finding.reason == "1 of 3 seeds; no window in attn2_s1"
    assert math.isnan(finding.low)


def test_a_rule_for_one_seed_is_decided_by_it():
    rule = Rule(seeds=1, at_least=1)
    assert verdict([1.0], rule) == "supported"
    assert verdict([0.0], rule) == "contradicted"


def test_no_value_is_no_verdict():
    finding = decide(np.array([]), AT_LEAST, 0.95, "no induction head")
    assert (finding.verdict, finding.reason) == ("inconclusive", "no induction head")
    assert untested("far too large").verdict == "not tested here"


def test_rules_are_spelled_as_people_read_them():
    assert spelled(AT_LEAST) == "at least 0.5, 3 seeds"
    assert spelled(Rule(seeds=1, at_most=-0.1)) == "at most -0.1, 1 seed"


@pytest.mark.parametrize("bounds", [{}, {"at_least": 1, "at_most": 2}, {"at_least": 1e14}])
def test_a_rule_has_one_bound(bounds):
    with pytest.raises(ParamsError, match=r"claims\.rules\.x"):
        parse(Rule, {"seeds": 3, **bounds}, "claims.rules.x")


def test_every_tested_claim_has_a_rule_and_every_rule_a_claim():
    with open("params.yaml", encoding="utf-8") as file:
        claims = parse(ClaimSettings, yaml.safe_load(file)["claims"], "claims")
    assert sorted(claims.rules) == sorted(TESTED)


def test_claims_are_named_once_and_say_what_they_measure_or_why_not():
    names = [claim.name for claim in DEFINITIONS]
    assert len(names) == len(set(names))
    for claim in DEFINITIONS:
        assert claim.text.endswith(".") and bool(claim.statistic) != bool(claim.reason)
        assert bool(claim.section) == (claim.kind == "claim")
