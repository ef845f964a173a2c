"""Verdicts: intervals against a textbook and a simulation, rules by their edges."""

import math

import numpy as np
import pytest
import yaml

from induction.claims.definition import CORRELATION, SHARE
from induction.claims.registry import DEFINITIONS, TESTED
from induction.claims.statistics import Evidence
from induction.claims.verdicts import (
    Finding,
    by_family,
    decide,
    evidence_rows,
    scoreboard,
    spelled,
    untested,
)
from induction.config.claims import ClaimSettings, Rule
from induction.config.errors import ParamsError
from induction.config.strict import parse

AT_LEAST = Rule(seeds=3, at_least=0.5)
AT_MOST = Rule(seeds=3, at_most=0.5)


def decided(values: list[float], rule: Rule, undefined: str = "", bounds=SHARE) -> Finding:
    """By values that have no error of the evaluation set."""
    return decide(np.array(values).reshape(-1, 1), rule, 0.95, undefined, bounds)


def verdict(values: list[float], rule: Rule) -> str:
    return decided(values, rule).verdict


def drawn(*of_seeds: float, spread: float) -> np.ndarray:
    """The same resamples for all seeds: evenly spread around each seed's value."""
    return np.array(of_seeds)[:, None] + spread * np.array([0, *np.linspace(-1, 1, 101)])


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
        assert decided(values, AT_LEAST, "why").reason.endswith("why")


def test_too_few_seeds_are_inconclusive_and_said_so():
    finding = decided([0.9, 0.91], AT_LEAST)
    assert (finding.verdict, finding.reason) == ("inconclusive", "2 of 3 seeds")
    assert finding.value == pytest.approx(0.905)
    finding = decided([0.9], AT_LEAST, "no window in attn2_s1")
    assert finding.reason == "1 of 3 seeds; no window in attn2_s1"
    assert math.isnan(finding.low)


def test_a_rule_for_one_seed_is_decided_by_its_interval_or_else_by_its_value():
    rule = Rule(seeds=1, at_least=0.5)
    for value, spread, wanted in (
        (0.6, 0.05, "supported"),
        (0.4, 0.05, "contradicted"),
        (0.6, 0.2, "inconclusive"),
        (0.6, 0.0, "supported"),
    ):
        assert decide(drawn(value, spread=spread), rule, 0.95, "").verdict == wanted
    assert verdict([0.6], rule) == "supported" and verdict([0.4], rule) == "contradicted"


def test_seeds_that_agree_do_not_hide_the_error_of_the_evaluation_set():
    agreeing = (0.60, 0.61, 0.62)
    assert verdict([*agreeing], AT_LEAST) == "supported"
    finding = decide(drawn(*agreeing, spread=0.2), AT_LEAST, 0.95, "")
    assert finding.verdict == "inconclusive"
    assert finding.text_high - finding.text_low == pytest.approx(2 * 0.19)
    half = math.hypot(4.30265 * 0.01 / math.sqrt(3), 0.19)
    assert (finding.low, finding.high) == pytest.approx((0.61 - half, 0.61 + half), abs=1e-5)


def test_the_interval_of_a_share_stays_a_share():
    values = [0.8, 1.0, 1.0]
    free = decided(values, AT_LEAST, bounds=(-math.inf, math.inf))
    share = decided(values, AT_LEAST)
    assert free.high > 1 and (share.high, share.seeds_high) == (1, 1)
    assert (share.value, share.low) == (free.value, free.low)
    assert decided([-0.9, 0.1, 0.9], AT_LEAST, bounds=CORRELATION).low == -1


def test_no_value_is_no_verdict():
    finding = decided([], AT_LEAST, "no induction head")
    assert (finding.verdict, finding.reason) == ("inconclusive", "no induction head")
    assert untested("far too large").verdict == "not tested here"


def evidence(claim: str, cell: str, family: str, value: float, *draws: float) -> Evidence:
    reason = "no head" if math.isnan(value) else ""
    return Evidence(claim, cell, int(cell[-1]), family, np.array([value, *draws]), reason)


def settings() -> ClaimSettings:
    with open("params.yaml", encoding="utf-8") as file:
        return parse(ClaimSettings, yaml.safe_load(file)["claims"], "claims")


def test_models_with_and_without_mlps_are_judged_together_and_apart():
    """Prefix matching of 0.8 without MLPs and 0.2 with them, where the rule asks for 0.5."""
    claim, one_sided = "induction_heads_form", "carry_the_majority"
    entries = [
        evidence(claim, f"{model}_s{seed}", family, value + 0.01 * seed)
        for model, family, value in (("attn2", "attention_only", 0.8), ("mlp2", "mlp", 0.2))
        for seed in range(3)
    ]
    entries.append(evidence(one_sided, "attn2_s0", "attention_only", 0.9))
    rows = {row["claim"]: row for row in scoreboard(entries, settings())}
    assert rows[claim]["value"] == pytest.approx(0.51) and rows[claim]["seeds"] == 3
    apart = by_family(entries, settings())
    assert [(row["claim"], row["family"], row["verdict"], row["cells"]) for row in apart] == [
        (claim, "attention_only", "supported", "attn2_s0 attn2_s1 attn2_s2"),
        (claim, "mlp", "contradicted", "mlp2_s0 mlp2_s1 mlp2_s2"),
    ]
    assert {row["place"] for row in apart} == {rows[claim]["place"]}


def test_cells_of_a_seed_are_averaged_draw_by_draw():
    """Of 0.2, in resamples 0 and 0.4, and of 0.6, which has none: 0.4, and 0.3 and 0.5."""
    entries = [
        evidence("induction_heads_form", "attn2_s0", "attention_only", 0.2, 0.0, 0.4),
        evidence("induction_heads_form", "attn3_s0", "attention_only", 0.6),
        evidence("induction_heads_form", "attn4_s0", "attention_only", math.nan),
    ]
    (row,) = [row for row in scoreboard(entries, settings()) if row["seeds"]]
    assert (row["value"], row["text_low"], row["text_high"]) == pytest.approx((0.4, 0.305, 0.495))
    assert row["reason"] == "1 of 3 seeds; not defined in 1 of 3 cells: no head"
    assert row["cells"] == "attn2_s0 attn3_s0"


def test_every_cell_has_its_own_interval_between_the_bounds():
    entries = [
        evidence("rest_on_first", "attn2_s0", "attention_only", 0.9, *np.linspace(0.7, 1.1, 41)),
        evidence("rest_on_first", "attn3_s0", "attention_only", 0.9),
    ]
    first, second = evidence_rows(entries, settings())
    assert (first["value"], first["low"], first["high"]) == pytest.approx((0.9, 0.71, 1.0))
    assert math.isnan(second["low"]) and second["value"] == 0.9


def test_rules_are_spelled_as_people_read_them():
    assert spelled(AT_LEAST) == "at least 0.5, 3 seeds"
    assert spelled(Rule(seeds=1, at_most=-0.1)) == "at most -0.1, 1 seed"


@pytest.mark.parametrize("bounds", [{}, {"at_least": 1, "at_most": 2}, {"at_least": 1e14}])
def test_a_rule_has_one_bound(bounds):
    with pytest.raises(ParamsError, match=r"claims\.rules\.x"):
        parse(Rule, {"seeds": 3, **bounds}, "claims.rules.x")


def test_every_tested_claim_has_a_rule_and_every_rule_a_claim():
    assert sorted(settings().rules) == sorted(TESTED)


def test_claims_are_named_once_and_say_what_they_measure_or_why_not():
    names = [claim.name for claim in DEFINITIONS]
    assert len(names) == len(set(names))
    for claim in DEFINITIONS:
        assert claim.text.endswith(".") and bool(claim.statistic) != bool(claim.reason)
        assert bool(claim.section) == (claim.kind == "claim")
        # What no interval may leave is declared.
        if claim.statistic.startswith(("share of models", "share of heads", "1 if")):
            assert claim.bounds == SHARE, claim.name
        if claim.statistic.startswith("correlation"):
            assert claim.bounds == CORRELATION, claim.name
