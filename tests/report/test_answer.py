"""The sentences that come first, from rows that say what they must say."""

from induction.config.phases import MinRise, PhaseSettings
from induction.report import answer
from induction.report.summary import contradicted

RULE = PhaseSettings(
    1, 0.2, 0.2, 0.2, 5, MinRise(**dict.fromkeys(MinRise.__dataclass_fields__, 0.1))
)
VERDICTS = {"supported": 1, "contradicted": 0, "inconclusive": 2, "not tested here": 3}


def rows(*cells: dict) -> dict[str, list[dict]]:
    """The results of the queries that the answer is made of."""
    results = {name: [] for name in ("cells", "windows", "interventions", "induction")}
    for cell in cells:
        name, changes = cell["cell"], cell.get("changes", True)
        results["cells"].append(
            {"cell": name, "is_detailed": cell.get("is_detailed", True), "phase_change": changes}
            | {
                "icl_matched": cell.get("icl", -0.5),
                "icl_matched_high": cell.get("icl", -0.5) + 0.1,
            }
            | {"prefix_matching_max": 0.03, "best_head": "L0H1"}
            | {"ablation_icl_max": cell.get("carries", 0.25), "ablation_head": "L1H2"}
        )
        start, end = cell.get("window", (1_000_000, 2_000_000))
        results["windows"].append(
            {"cell": name, "panel": cell.get("panel", name), "seed": cell.get("seed", 0)}
            | {"is_phase_change": changes, "start_tokens": start, "end_tokens": end}
            | {"icl_drop": cell.get("drop", 0.4)}
        )
        for head in cell.get("heads", ()):
            results["induction"].append(
                {"cell": name, "name": head, "prefix_matching": 0.75, "formed_tokens": 1_500_000}
                | {"delta_icl": 0.5, "delta_icl_low": 0.25, "delta_icl_high": None}
            )
        share = cell.get("share")
        results["interventions"].append(
            {"cell": name, "intervention": "without_induction", "share": share}
            | {"share_low": share and share - 0.5, "share_high": share and share + 0.5}
        )
    return results


def five_sentences(*cells: dict, verdicts: dict = VERDICTS, failed: tuple = ()) -> list[str]:
    findings = answer.findings(rows(*cells))
    return answer.sentences(findings, verdicts, list(failed), RULE)


def test_a_change_is_described_with_its_place_its_heads_and_what_they_carry():
    which, where, heads, carried, claims = five_sentences(
        {"cell": "flat", "changes": False, "icl": -0.07},
        {"cell": "deep", "heads": ["L1H3", "L1H0"], "share": 1.0, "carries": 0.5},
    )
    assert which == (
        "In-context learning (ICL) appears within one window of training in deep, and not in flat "
        "(ICL ends at -0.07 nats)."
    )
    assert where == "The window, in training tokens: deep 1.00 M – 2.00 M (ICL falls by 0.40 nats)."
    assert (
        "L1H3 of deep from 1.50 M tokens on (prefix matching at the end 0.75, and 1 more)" in heads
    )
    assert carried == (
        "Removing that head alone costs, in nats of ICL, 0.50 in deep; all induction heads of a "
        "model carry of its ICL 100 % in deep [50, 150]."
    )
    assert claims == (
        "The paper's claims, judged over 1 seed of each model: 1 supported, 0 contradicted, "
        "2 inconclusive, 3 not tested here."
    )


def test_no_change_is_said_as_plainly():
    which, where, heads, carried, _ = five_sentences(
        {"cell": "a", "changes": False, "icl": 0.01, "drop": 0.05},
        {"cell": "b", "changes": False, "icl": -0.12, "drop": 0.15},
    )
    assert which == (
        "No model goes through a phase change. In-context learning (ICL) does not appear: not in a "
        "(ICL ends at +0.01 nats) and b (ICL ends at -0.12 nats)."
    )
    assert where.startswith("The largest fall of ICL within one window is 0.15 nats (b)")
    assert "takes 0.2" in where
    assert heads == (
        "No head of these models ends as an induction head: the highest prefix matching is 0.03 "
        "(L0H1 of a)."
    )
    assert carried == ("The head that carries most ICL is L1H2 of a: removing it costs 0.25 nats.")


def test_what_grows_without_a_window_is_not_called_absent():
    slow = {"cell": "slow", "changes": False, "icl": -0.3, "drop": 0.1}
    flat = {"cell": "flat", "changes": False, "icl": -0.15, "drop": 0.25}
    which, *_ = five_sentences(slow, flat)
    assert which == (
        "No model goes through a phase change. In-context learning (ICL) appears without such a "
        "window in slow (ICL ends at -0.30 nats), and not in flat (ICL ends at -0.15 nats)."
    )
    cells = answer.findings(rows(slow, flat, {"cell": "noisy", "changes": False, "icl": -0.2}))
    cells[2].scores["icl_matched_high"] = 0.0
    assert [answer.missed_rules(cell, RULE) for cell in cells] == [
        "falls by 0.10 nats inside its window, of 0.2 required",
        "ends at -0.15, −0.2 required",
        "its interval at the end reaches zero",
    ]
    assert [cell.is_gradual(RULE) for cell in cells] == [True, False, False]


def test_seeds_of_a_model_are_counted_and_variations_stand_apart():
    seeds = [{"cell": f"m_s{i}", "panel": "m", "seed": i} for i in range(3)]
    seeds[0] |= {"window": (500_000, 900_000), "drop": 0.25}
    seeds[1] |= {"is_detailed": False, "changes": False, "icl": -0.1}
    seeds[2] |= {"is_detailed": False}
    other = {"cell": "adam", "is_detailed": False, "carries": 9.0}
    control = {"cell": "shuffled", "is_detailed": False, "changes": False}
    which, where, _, carried, claims = five_sentences(*seeds, other, control)
    assert "in m (2 of 3 seeds), and not in m (1 of 3 seeds; ICL ends at -0.10 nats)" in which
    assert which.endswith("; of 2 variations and controls 1 change.")
    assert "m 0.50 M – 2.00 M, over 2 seeds (ICL falls by 0.25 to 0.40 nats)" in where
    assert carried.endswith("L1H2 of m_s0: removing it costs 0.25 nats."), "no variation"
    assert "over 3 seeds of each model" in claims
    *_, claims = five_sentences(*seeds, {"cell": "alone"})
    assert "over up to 3 seeds of each model" in claims


def test_claims_that_fail_are_named():
    scored = [
        {"verdict": "contradicted", "kind": "claim", "text": "It is so."},
        {"verdict": "contradicted", "kind": "control", "text": "Ours."},
        {"verdict": "supported", "kind": "claim", "text": "It holds."},
    ]
    assert contradicted(scored) == ["It is so."]
    *_, claims = five_sentences({"cell": "a"}, failed=("It is so.", "And so."))
    assert claims.endswith("3 not tested here; what fails is “It is so”, “And so”.")


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

    shown = answer.models(answer.findings(rows({"cell": "high"}, {"cell": "low"})))
    both = [*blocks("high"), *blocks("low", later=5.0), *blocks("elsewhere")]
    text = answer.repeats_sentence([*blocks("high", "fixed", later=1.0), *both], shown)
    assert "per token: high 10.00 → 7.00, low 10.00 → 5.00. Chance is ln(512) = 6.24" in text
    assert "which 471 tokens probes are drawn from would bring it to 6.15" in text
    assert text.endswith("better than chance in low, and no better in high.")
    text = answer.repeats_sentence(blocks("high"), shown)
    assert text.endswith("better than chance in no model, and no better in high.")
    assert answer.repeats_sentence(blocks("high", chance=None), shown) == ""


def test_cells_of_a_model_stand_together():
    cells = answer.findings(
        rows({"cell": "a_s0", "panel": "a"}, {"cell": "a_s1", "panel": "a", "is_detailed": False},
             {"cell": "x", "is_detailed": False})
    )  # fmt: skip
    assert {key: [cell.name for cell in seeds] for key, seeds in answer.models(cells).items()} == {
        "a": ["a_s0", "a_s1"]
    }
    assert list(answer.variations(cells)) == ["x"]
