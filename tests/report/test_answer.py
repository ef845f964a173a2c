"""The sentences that come first, from rows that say what they must say."""

from induction.report import answer
from tests.report.madeup_findings import RULE, Model, of

VERDICTS = {"supported": 1, "contradicted": 0, "inconclusive": 2, "not tested here": 3}
ONE, TWO, SMEARED = Model(1), Model(2), Model(1, smeared_keys=True)


def five_sentences(*cells: dict, verdicts: dict = VERDICTS) -> list[str]:
    return answer.sentences(*of(*cells), RULE, verdicts)


def test_a_change_is_described_with_its_place_its_heads_and_what_they_carry():
    which, when, heads, carried, claims = five_sentences(
        {"cell": "flat", "changes": False, "icl": -0.07, "model": ONE},
        {"cell": "deep", "heads": ["L1H3", "L1H0"], "share": 1.1, "matching": 0.7}
        | {"behind": "L0H1", "carries": 0.6},
        {"cell": "short", "heads": ["L0H1"], "share": 0.9, "matching": 0.7, "model": SMEARED},
    )
    assert which == (
        "In-context learning appears within one window of training, a phase change, in two-layer "
        "attention-only models and one-layer models with smeared keys; one-layer attention-only "
        "models gain little of it (−0.07 nats at the end)."
    )
    assert when == (
        "The window lasts, in training tokens, from 1.00 to 2.00 million in two-layer "
        "attention-only models and from 1.00 to 2.00 million in one-layer models with smeared keys."
    )
    assert heads == (
        "In that window induction heads form: on random tokens, the best head of the two-layer "
        "attention-only model, L1H3, ends with 0.70 of its attention on tokens that come right "
        "after an earlier copy of the current one; no head of one-layer attention-only models "
        "ends above 0.03."
    )
    assert carried == (
        "These heads carry it: on the texts where heads were removed, the two-layer attention-only "
        "model has 0.45 nats of in-context learning; removing its best induction head, L1H3, costs "
        "0.50 nats (interval 0.25 to 0.75), and removing all its induction heads costs 110 % "
        "(interval 60 to 160); removing "
        "L0H1, a previous-token head, costs 0.60 nats, as the induction heads build on it; "
        "in the other models all induction heads "
        "carry 90 % (more than 100 %: without them, text far back makes predictions worse)."
    )
    assert claims.startswith("Of the three claims of the paper that these models can test, one")


def test_no_change_is_said_as_plainly():
    which, when, heads, carried, _ = five_sentences(
        {"cell": "a", "changes": False, "icl": 0.01, "drop": 0.05, "model": ONE},
        {"cell": "b", "changes": False, "icl": -0.12, "drop": 0.15, "matching": 0.2},
    )
    assert which == (
        "No model goes through a phase change: one- and two-layer attention-only models gain "
        "little in-context learning (−0.12 to +0.01 nats at the end)."
    )
    assert when.startswith(
        "The largest fall of in-context learning within one window is 0.15 nats; a phase change "
        "takes 0.2 nats"
    )
    assert heads.startswith("No head of these models ends as an induction head")
    assert heads.endswith("is 0.20.")
    assert carried == "The head that carries most in-context learning carries 0.25 nats of it."


def test_what_grows_without_a_window_is_not_called_absent():
    slow = {
        "cell": "slow",
        "changes": False,
        "icl": -0.35,
        "drop": 0.1,
        "model": Model(2, mlp=True),
    }
    flat = {"cell": "flat", "changes": False, "icl": -0.15, "drop": 0.25, "model": ONE}
    which, *_ = five_sentences(slow, flat)
    assert which == (
        "No model goes through a phase change: in-context learning grows without such a window in "
        "two-layer models with MLPs; one-layer attention-only models gain little of it (−0.15 nats "
        "at the end)."
    )


def test_models_that_all_change_stand_before_those_that_change_in_some_seeds():
    model = {"panel": "mlp", "model": Model(mlp=True)}
    partly = [model | {"cell": f"mlp_s{i}", "seed": i, "changes": i == 0} for i in range(2)]
    which = five_sentences({"cell": "m", "heads": ["L1H0"]}, *partly)[0]
    assert (
        "in two-layer attention-only models, and in one of two seeds of two-layer models with MLPs"
    ) in which


def test_seeds_that_only_miss_the_fall_say_by_how_much():
    model = {"panel": "mlp", "model": Model(mlp=True)}
    cells = [model | {"cell": f"mlp_s{i}", "seed": i, "changes": i == 0} for i in range(3)]
    cells[1]["drop"], cells[2]["drop"] = 0.19, 0.17
    assert (
        "in one of three seeds of two-layer models with MLPs (in the others it falls by 0.17 to "
        "0.19 nats inside its window, less than 0.2)"
    ) in five_sentences(*cells)[0]


def test_seeds_of_a_model_are_counted_and_variations_stand_apart():
    seeds = [{"cell": f"m_s{i}", "panel": "m", "seed": i, "heads": ["L1H0"]} for i in range(3)]
    seeds[0] |= {"window": (500_000, 900_000), "drop": 0.25, "share": 0.9}
    seeds[1] |= {"is_detailed": False, "changes": False, "icl": -0.1}
    seeds[2] |= {"is_detailed": False, "share": 1.0}
    other = {"cell": "adam", "is_detailed": False, "carries": 9.0}
    control = {"cell": "shuffled", "is_detailed": False, "changes": False}
    which, when, heads, carried, claims = five_sentences(
        *seeds, other, control, verdicts=VERDICTS | {"contradicted": 1}
    )
    assert (
        "a phase change, in two of three seeds of two-layer attention-only models (in the "
        "other it ends at −0.10 nats, above −0.2);"
    ) in which
    assert which.endswith("; of two variations and controls one shows such a change.")
    assert when == (
        "On average over the seeds that change, the window lasts, in training tokens, from 0.75 to "
        "1.45 million in two-layer attention-only models."
    )
    assert "the best heads of two-layer attention-only models (L1H0 in seed 0) end with" in heads
    assert "the two-layer attention-only model of seed 0 has 0.45 nats of in-context" in carried
    assert (
        "; removing its only induction head, L1H0, costs 0.50 nats (interval 0.25 to 0.75), which "
        "is 90 % (interval 40 to 140); over its seeds, removing all induction heads costs 90 to "
        "100 %, in the 2 of 3 seeds that can tell"
    ) in carried
    assert claims == (
        "Of the four claims of the paper that these models can test, one holds, one fails and "
        "two remain open, over three seeds of each model."
    )


def test_runs_whose_share_cannot_be_told_are_counted():
    lead = [{"cell": f"m_s{i}", "panel": "m", "seed": i, "heads": ["L1H0"]} for i in range(2)]
    other = {"panel": "s", "model": SMEARED, "heads": ["L0H0"]}
    others = [other | {"cell": f"s_s{i}", "seed": i} for i in range(2)]
    others[0]["share"] = 0.9
    carried = five_sentences(*(cell | {"share": 1.0} for cell in lead), *others)[3]
    assert "; over its seeds, removing all induction heads costs 100 %; in the other" in carried
    assert carried.endswith("heads carry 90 %, in the 1 of 2 runs that can tell.")


def test_a_head_whose_share_cannot_be_told_still_has_its_cost():
    carried = five_sentences({"cell": "a", "heads": ["L1H0"]})[3]
    assert carried == (
        "These heads carry it: on the texts where heads were removed, removing its only induction "
        "head, L1H0, costs the two-layer attention-only model 0.50 nats (interval 0.25 to 0.75)."
    )


def test_numbers_of_one_list_are_all_in_digits_where_one_is_large():
    many = {"supported": 25, "contradicted": 5, "inconclusive": 0, "not tested here": 0}
    *_, claims = five_sentences({"cell": "a"}, verdicts=many)
    assert "can test, 25 hold, 5 fail and none remains open" in claims


def test_heads_without_a_window_are_not_said_to_form_in_one():
    still = {"cell": "a", "changes": False, "icl": -0.3, "heads": ["L1H0"], "matching": 0.6}
    _, _, heads, *_ = five_sentences(still)
    assert heads.startswith("Induction heads form: on random tokens, the best head of the two")


def test_with_one_seed_no_claim_is_called_decided():
    none = {"supported": 0, "contradicted": 0, "inconclusive": 40, "not tested here": 3}
    *_, claims = five_sentences({"cell": "a"}, verdicts=none)
    assert claims.startswith("40 of the paper's 43 claims can be tested on these models; the rules")


def test_a_control_that_failed_is_a_headline_and_one_that_is_undecided_is_named():
    def judged(text: str, verdict: str, kind: str = "control") -> dict:
        return {"text": text, "verdict": verdict, "kind": kind}

    holds = [judged("It is so.", "contradicted", "claim"), judged("Ours.", "supported")]
    holds.append(judged("Nobody asked.", "not tested here"))
    assert answer.failed_controls(holds) == answer.undecided_controls(holds) == ""
    first, second = judged("Nothing moves.", "contradicted"), judged("It is small.", "contradicted")
    assert answer.failed_controls([*holds, first]) == (
        "A control failed: “Nothing moves”. Claims that rest on it say little."
    )
    assert answer.failed_controls([first, *holds, second]) == (
        "2 controls failed: “Nothing moves” and “It is small”. Claims that rest on them say little."
    )
    open_ones = [judged("Perhaps.", "inconclusive"), judged("A claim.", "inconclusive", "claim")]
    assert answer.undecided_controls(open_ones) == "A control is inconclusive: “Perhaps”."
    open_ones.append(judged("Or not.", "inconclusive"))
    text = "2 controls are inconclusive: “Perhaps” and “Or not”."
    assert answer.undecided_controls(open_ones) == text


def test_the_loss_on_random_blocks_is_held_against_chance():
    """Of random gaps and of the models shown, mean over lengths; a fall may end above chance."""

    def blocks(panel: str, probe: str = "gap", later: float = 7.0, **changed) -> list[dict]:
        row = {"panel": panel, "probe": probe, "vocab_size": 512, "usable": 471}
        row |= {"chance": 6.238, "chance_usable": 6.154} | changed
        times = ((0, 10, 9.0), (0, 25, 11.0), (1, 10, later), (1, 25, later), (2, 10, later))
        return [row | {"repeat": i, "block": b, "loss": loss} for i, b, loss in times]

    shown, _ = of({"cell": "high", "model": ONE}, {"cell": "low", "model": TWO})
    both = [*blocks("high"), *blocks("low", later=5.0), *blocks("elsewhere")]
    text = answer.repeats_sentence([*blocks("high", "fixed", later=1.0), *both], shown)
    assert "10.00 and 7.00 nats in one-layer attention-only models and 10.00 and 5.00 nats" in text
    assert "512 tokens of the vocabulary costs 6.24 nats, and one among the 471" in text
    assert text.endswith(
        "better than the even guess in two-layer attention-only models, and no better in one-layer "
        "attention-only models."
    )
    text = answer.repeats_sentence(blocks("high"), shown)
    assert "better than the even guess in no model" in text
    assert answer.repeats_sentence(blocks("high", chance=None), shown) == ""
