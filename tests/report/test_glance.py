"""The table below the answer."""

from induction.report import glance
from tests.report.madeup_findings import RULE, of


def test_one_seed_has_its_intervals():
    (model,), _ = of({"cell": "a", "heads": ["L1H0", "L1H2"], "share": 1.0, "matching": 0.7})
    row = glance.of_model(model, RULE)
    assert (row.name, row.code, row.changed, row.why) == (
        "two-layer attention-only model", "a", "yes", ""
    )  # fmt: skip
    assert (row.window, row.icl) == ("1.00 M – 2.00 M", "−0.50 [−0.60, −0.40]")
    assert (row.head, row.prefix_matching, row.formed) == ("L1H0", "0.70", "1.50 M")
    assert (row.carries, row.all_carry) == ("0.50 [0.25, 0.75]", "100 % [50, 150]")


def test_what_did_not_change_says_why_and_has_no_window():
    (model,), _ = of({"cell": "a", "changes": False, "icl": -0.01, "drop": 0.02})
    row = glance.of_model(model, RULE)
    assert row.changed == "no" and "less than 0.2" in row.why
    assert (row.window, row.head, row.carries, row.all_carry) == ("–", "none", "–", "–")


def test_a_head_whose_share_is_not_resolvable_says_so():
    (model,), _ = of({"cell": "a", "heads": ["L1H0"]})
    assert glance.of_model(model, RULE).all_carry == "not resolvable"


def test_several_seeds_have_their_mean_and_how_far_they_go():
    seeds = [{"cell": f"a_s{i}", "panel": "a", "seed": i, "icl": -0.4 - i / 10} for i in range(3)]
    seeds[0] |= {"heads": ["L1H0"], "share": 1.0}
    seeds[1] |= {"heads": ["L1H2"], "share": 0.8, "window": (500_000, 1_500_000)}
    seeds[2] |= {"changes": False, "window": (1, 9_000_000)}
    (model,), _ = of(*seeds)
    row = glance.of_model(model, RULE)
    assert (row.changed, row.window) == ("2 of 3 seeds", "0.75 – 1.75 M (0.50 to 2.00)")
    assert row.icl == "−0.50 (−0.60 to −0.40)"
    assert row.head == "L1H0, L1H2, none"
    assert row.all_carry == "90 % (80 to 100, in 2 of 3 seeds)"
    assert (row.formed, row.prefix_matching) == ("1.50 M (all alike)", "0.51 (0.03 to 0.75)")


def test_a_head_that_is_the_best_in_all_seeds_is_named_once():
    (model,), _ = of(*({"cell": f"a_s{i}", "panel": "a", "heads": ["L1H0"]} for i in range(2)))
    assert glance.of_model(model, RULE).head == "L1H0"


def test_a_head_that_only_matches_by_position_lends_no_other_its_score():
    (model,), _ = of({"cell": "a", "heads": ["L1H0"], "matching": 0.7})
    model.first.scores["prefix_matching_max"] = 0.95
    assert glance.of_model(model, RULE).prefix_matching == "0.70"
