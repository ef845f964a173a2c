"""The claims, by the question of docs/results.md that they answer, and those that do not hold."""

from typing import Any

from induction.report.answer import failed_controls, undecided_controls
from induction.report.formatting import NONE, listed
from induction.report.readme.shown import Reports
from induction.report.readme.tables import table
from induction.report.scoreboard import FAMILIES
from induction.report.wording import counted

UNTESTED = "not tested here"
# A row that names as many claims would fill a page; the tables of the questions name them all.
MANY = 8
# Every claim and control of induction/claims/registry.py, once.
QUESTIONS = {
    "change": (
        "icl_forms_in_window", "window_is_narrow", "window_place", "little_before", "much_after",
        "one_layer_flat", "smeared_one_layer_changes", "smeared_two_layers_earlier",
        "icl_moves_as_a_whole", "no_gain_before", "gain_after", "one_layer_flattens",
        "repeats_improve", "new_continuations_worsen", "icl_constant_over_time",
        "icl_constant_over_depth", "size_helps_early_tokens", "order_inverts",
    ),
    "heads": (
        "one_layer_no_induction_head", "induction_heads_form", "in_the_last_layer",
        "rest_on_first", "random_repeats", "random_repeats_beat_chance", "oddities",
        "pattern_matching_heads", "other_families",
    ),
    "carry": (
        "carriers_are_induction_heads", "carry_the_majority", "carry_almost_all",
        "carry_throughout", "others_raise_icl", "undo_the_change", "mlp_carry_the_majority",
        "mlp_carry_less",
    ),
    "weights": (
        "k_composition_dominates", "qk_trace_is_prefix_matching", "copying_is_ov_positivity",
        "prefix_matching_with_copying", "copies_more_than_others", "exact_previous_token",
        "exact_induction", "three_gram_helps",
    ),
    "together": (
        "prefix_matching_in_window", "loss_bump_in_window", "pca_turns_in_window",
        "pca_right_angle", "pca_one_layer_straight", "qk_trace_in_window",
    ),
    "artefact": (
        "random_sets_small", "beats_every_random_set", "knockout_of_the_pattern",
        "knockout_of_other_keys", "untrained", "minus_one_offset", "periodic_is_flagged",
        "shuffled_has_no_change", "shuffled_has_no_induction_head",
        "spans_have_no_induction_head",
    ),
    "robust": (
        "not_the_warmup", "another_corpus", "one_layer_of_another_corpus_flat", "adamw_changes",
        "rotary_changes", "learned_changes",
    ),
}  # fmt: skip


def judged(reports: Reports, question: str) -> str:
    """The claims of one question: what was measured, and what the rule asks for. Where models with
    MLPs are judged apart, a row for each family."""
    claims = {claim["claim"]: claim for claim in reports.claims}
    rows = []
    for name in QUESTIONS[question]:
        claim = claims[name]
        section = claim["section"] or "our control"
        rows.append([claim["text"], section, _verdict(claim), _measured(claim)])
        rows += [
            [f"… {FAMILIES[family['family']]} alone", "", _verdict(family), family["says"] or NONE]
            for family in claim.get("families", [])
        ]
    return table(["claim", "section", "verdict", "measured, and what the rule asks for"], rows)


def _verdict(claim: dict[str, Any]) -> str:
    verdict = claim["verdict"]
    return f"**{verdict}**" if verdict == "contradicted" else verdict


def _measured(claim: dict[str, Any]) -> str:
    """The report's own sentence; without a value, what it takes to have one."""
    return NONE if claim["verdict"] == UNTESTED else claim["says"] or claim["decides"]


def verdicts(reports: Reports) -> str:
    """The controls that failed, and how many claims have which verdict."""
    counts, controls = (
        ", ".join(f"{count} {verdict}" for verdict, count in reports.metrics[kind].items())
        for kind in ("claims", "controls")
    )
    untested = sum(
        claim["kind"] == "claim" and claim["verdict"] == UNTESTED for claim in reports.claims
    )
    failed = failed_controls(reports.claims)
    undecided = undecided_controls(reports.claims)
    return (
        (f"**{failed}**\n\n" if failed else "")
        + f"Of the paper's claims **{counts}**, {untested} {UNTESTED}. "
        + f"Of our controls {controls}.{' ' * bool(undecided)}{undecided}\n"
    )


def failures(reports: Reports) -> str:
    """Every claim and control that is not supported: what would decide it, and why it may fail.
    Those with the same reason stand together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for verdict in ("contradicted", "inconclusive", UNTESTED):
        for claim in reports.claims:
            if claim["verdict"] == verdict:
                why = " ".join(filter(None, [claim["decides"], claim["why"]]))
                alike.setdefault((_verdict(claim), why or claim["reason"]), []).append(
                    f"“{claim['text'].rstrip('.')}”"
                )
    return table(
        ["verdict", "claim or control", "what would decide it, and why it may fail"],
        [
            [
                verdict,
                listed(texts)
                if len(texts) < MANY
                else f"{counted(len(texts))} claims and controls",
                why or NONE,
            ]
            for (verdict, why), texts in alike.items()
        ],
    )
