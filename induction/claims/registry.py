"""The claims of Olsson et al. (2022) in our words, and the controls: what each is judged by.

The bounds stand in params.yaml under `claims.rules`, the statistics in induction/sql/claims/.
"""

from dataclasses import dataclass
from typing import Literal

from induction.config.claims import ClaimSettings
from induction.config.errors import ABSENT, ParamsError


@dataclass(frozen=True)
class Claim:
    """`statistic` says what the value is, with its unit; `reason` why there can be none here."""

    name: str
    section: str
    text: str
    statistic: str = ""
    reason: str = ""
    kind: Literal["claim", "control"] = "claim"


COOCCURRENCE, PERTURBATION, ABLATION = "Argument 1", "Argument 2", "Argument 3"
DEEPER = "models of two and more layers"

CLAIMS = (
    Claim(
        "icl_forms_in_window",
        COOCCURRENCE,
        "Every model of two and more layers gains most of its in-context learning in one window.",
        "share of the final ICL that forms inside the window; 0 without one",
    ),
    Claim(
        "window_is_narrow",
        COOCCURRENCE,
        "The window is a narrow part of training.",
        "share of training in which ICL goes from 10 to 90 %",
    ),
    Claim(
        "little_before",
        COOCCURRENCE,
        "Before the window there is less than 0.15 nats of in-context learning.",
        "ICL gained by the start of the window, nats",
    ),
    Claim(
        "much_after",
        COOCCURRENCE,
        "After it there are 0.3 nats and more (the paper: about 0.4).",
        "ICL gained by the end of training, nats",
    ),
    Claim(
        "window_place",
        "Argument 1; Model Details",
        "The window lies at 2.5 to 5 billion tokens (or 1 to 3).",
        reason="our models are far smaller and read 4 million tokens",
    ),
    Claim(
        "one_layer_flat",
        COOCCURRENCE,
        "A one-layer model gains little in-context learning.",
        "its final ICL as a share of that of deeper models of its seed",
    ),
    Claim(
        "one_layer_no_induction_head",
        COOCCURRENCE,
        "A one-layer model has no induction head.",
        "best prefix matching at any checkpoint",
    ),
    Claim(
        "induction_heads_form",
        COOCCURRENCE,
        "In deeper models some heads reach high prefix matching.",
        "best prefix matching at the end, mean over models",
    ),
    Claim(
        "prefix_matching_in_window",
        COOCCURRENCE,
        "Prefix matching rises in the window in which in-context learning does.",
        "share of models and estimators in which the two changes overlap",
    ),
    Claim(
        "loss_bump_in_window",
        COOCCURRENCE,
        "In the window the loss curve leaves that of the one-layer model.",
        "share of models and estimators in which the two changes overlap",
    ),
    Claim(
        "pca_turns_in_window",
        COOCCURRENCE,
        "In the window the model's path in the PCA of loss vectors turns away.",
        "share of models and estimators in which the two changes overlap",
    ),
    Claim(
        "pca_right_angle",
        COOCCURRENCE,
        "The turn is roughly a right angle.",
        "angle between the path before and in the window, degrees",
    ),
    Claim(
        "pca_one_layer_straight",
        COOCCURRENCE,
        "The one-layer model's path goes straight on.",
        "angle of its path at the windows of deeper models of its seed, degrees",
    ),
    Claim(
        "no_gain_before",
        COOCCURRENCE,
        "Before the window, context beyond about 50 tokens gains nothing.",
        "d loss / d ln(position) beyond 50 at the window's start, nats",
    ),
    Claim(
        "gain_after",
        COOCCURRENCE,
        "After the window, context goes on gaining.",
        "d loss / d ln(position) beyond 50 at the end of training, nats",
    ),
    Claim(
        "one_layer_flattens",
        COOCCURRENCE,
        "In a one-layer model context beyond about 50 tokens gains nothing, even at the end.",
        "d loss / d ln(position) beyond 50 at the end of training, nats",
    ),
    Claim(
        "not_the_warmup",
        COOCCURRENCE,
        "The change is not caused by the learning-rate schedule.",
        "shift of the change per shift of the warm-up's end",
    ),
    Claim(
        "another_corpus",
        COOCCURRENCE,
        "In-context learning forms on another corpus, too.",
        "ICL gained by the end of training, nats",
    ),
    Claim(
        "repeats_improve",
        COOCCURRENCE,
        "In the window, tokens that continue as the same two tokens did last improve.",
        "change of their loss, minus that of tokens after a new pair, nats",
    ),
    Claim(
        "new_continuations_worsen",
        COOCCURRENCE,
        "Tokens that continue as the same two tokens never did before get worse.",
        "change of their loss, nats",
    ),
    Claim(
        "smeared_one_layer_changes",
        PERTURBATION,
        "With smeared keys one layer is enough for the change.",
        "ICL gained by the end, minus that of the one-layer model of its seed, nats",
    ),
    Claim(
        "smeared_two_layers_earlier",
        PERTURBATION,
        "With smeared keys two layers change earlier.",
        "middle of the ICL change, minus that of the two-layer model of its seed, tokens",
    ),
    Claim(
        "icl_moves_as_a_whole",
        PERTURBATION,
        "The window that moves holds all of the gain, not a part of it.",
        "share of the final ICL that forms inside the window (smeared keys); 0 without one",
    ),
    Claim(
        "carriers_are_induction_heads",
        ABLATION,
        "Heads whose removal lowers in-context learning are almost only induction heads.",
        "share of induction heads among those that carry 0.1 nats and more, patterns held",
    ),
    Claim(
        "carry_the_majority",
        ABLATION,
        "Induction heads carry the majority of in-context learning.",
        "share of ICL that goes with all of them, attention-only models",
    ),
    Claim(
        "carry_almost_all",
        ABLATION,
        "In small attention-only models they carry almost all of it.",
        "share of ICL that goes with all of them",
    ),
    Claim(
        "carry_throughout",
        ABLATION,
        "They carry it from the window to the end of training.",
        "least share of ICL that goes with them at the checkpoints asked after the window",
    ),
    Claim(
        "others_raise_icl",
        ABLATION,
        "Removing most other heads raises in-context learning.",
        "share of other heads without which ICL is larger, patterns held",
    ),
    Claim(
        "undo_the_change",
        ABLATION,
        "Only the removal of induction heads undoes the change, token by token (a·b).",
        "share undone by the best induction head, minus that by the best other head",
    ),
    Claim(
        "mlp_carry_the_majority",
        ABLATION,
        "Induction heads carry the majority in models with MLPs, too.",
        "share of ICL that goes with all of them",
    ),
    Claim(
        "mlp_carry_less",
        ABLATION,
        "In models with MLPs the evidence is weaker.",
        "share of ICL that goes with them, minus that of attention-only models of its depth",
    ),
    Claim(
        "qk_trace_in_window",
        "Argument 5",
        "The QK-trace of the same heads rises in the same window.",
        "share of models and estimators in which the two changes overlap",
    ),
    Claim(
        "qk_trace_is_prefix_matching",
        "Argument 5",
        "QK-trace and prefix matching go together.",
        "correlation over heads beyond layer 0, last checkpoint",
    ),
    Claim(
        "copying_is_ov_positivity",
        "Validating head activation evaluators",
        "The copying score and the positivity of the OV circuit go together.",
        "correlation over heads, last checkpoint",
    ),
    Claim(
        "k_composition_dominates",
        "Framework, Two-Layer Model",
        "Induction heads are joined to previous-token heads by K-composition above all.",
        "K-composition of the strongest pair, minus its Q- or V-composition, above random",
    ),
    Claim(
        "random_repeats",
        "Argument 4",
        "Induction works on random tokens that are repeated.",
        "fall of the loss from the first to later repeats, random gaps, nats",
    ),
    Claim(
        "rest_on_first",
        "Framework, comments",
        "Where nothing matches, induction heads rest on the first token.",
        "attention on it in the first block of a probe, induction heads",
    ),
    Claim(
        "exact_previous_token",
        "Comments: Redwood's replication",
        "The exact previous-token pattern does nearly all that previous-token heads do.",
        "share of the loss gap of their removal that it recovers",
    ),
    Claim(
        "exact_induction",
        "Comments: Redwood's replication",
        "First token and exact match do half and more of what induction heads do (Redwood: 65 %).",
        "share of the loss gap of their removal that it recovers",
    ),
    Claim(
        "three_gram_helps",
        "Comments: Redwood's replication",
        "Matching three-grams helps (Redwood: by about 10 %).",
        "share recovered with it, minus without",
    ),
    Claim(
        "other_families",
        "Comments: Lieberum",
        "Heads of GPT-2 XL and GPT-Neo behave in the same way.",
        reason="only the models of this study are measured",
    ),
    Claim(
        "in_the_last_layer",
        "Model Analysis Table",
        "In attention-only models induction heads lie in the last layer.",
        "share of induction heads in the last layer",
    ),
    Claim(
        "prefix_matching_with_copying",
        "Model Analysis Table",
        "Heads that match prefixes copy.",
        "share of induction heads whose copying score is above zero (on our reading of its scale, "
        "for which the paper gives no formula)",
    ),
    Claim(
        "icl_constant_over_depth",
        "Unexplained curiosities",
        "After the window in-context learning hardly depends on depth.",
        "difference between three and two layers, as a share of the latter's ICL",
    ),
    Claim(
        "icl_constant_over_time",
        "Unexplained curiosities",
        "After the window in-context learning hardly changes any more.",
        "change from the window's end to the end of training, as a share of the final ICL",
    ),
    Claim(
        "size_helps_early_tokens",
        "Unexplained curiosities",
        "What a larger model gains, it gains mostly within the first ten tokens of the context.",
        "gap of three to two layers at positions 8 to 12, as a share of that at the end",
    ),
    Claim(
        "order_inverts",
        "Unexplained curiosities",
        "The order of d loss / d ln(tokens) over sizes inverts at the change.",
        reason="the study has no series of sizes: its models differ in kind",
    ),
    Claim(
        "oddities",
        "Model Analysis Table",
        "Single models show a late head that undoes the change, a loss spike, an odd sign.",
        reason="anecdotes of single runs of six-layer models",
    ),
    Claim(
        "pattern_matching_heads",
        "Argument 4",
        "Induction heads of large models also translate and match patterns.",
        reason="seen in a model of 13 billion parameters",
    ),
)

CONTROLS = (
    Claim(
        "random_sets_small",
        "",
        "Layer-matched random sets of heads carry little of what induction heads carry.",
        "their mean share of ICL, as a share of that of induction heads",
        kind="control",
    ),
    Claim(
        "beats_every_random_set",
        "",
        "No layer-matched random set carries as much as the induction heads.",
        "share of ICL of induction heads, minus that of the best random set",
        kind="control",
    ),
    Claim(
        "knockout_of_the_pattern",
        "",
        "Without their attention on matches alone, induction heads carry little.",
        "share of ICL that goes with the knockout, as a share of that of their removal",
        kind="control",
    ),
    Claim(
        "knockout_of_other_keys",
        "",
        "Knocking out as many other keys does little.",
        "share of ICL that goes with it, as a share of the pattern's knockout",
        kind="control",
    ),
    Claim(
        "untrained",
        "",
        "Untrained models have no induction head.",
        "best prefix matching before training, all models",
        kind="control",
    ),
    Claim(
        "minus_one_offset",
        "",
        "Induction heads look after the match, not at it.",
        "their attention on earlier occurrences themselves, as a share of prefix matching",
        kind="control",
    ),
    Claim(
        "periodic_is_flagged",
        "",
        "A model that solves repeats by position is flagged, not called induction.",
        "1 if it has a positional head and no induction head, else 0",
        kind="control",
    ),
    Claim(
        "shuffled_has_no_change",
        "",
        "A model of shuffled text shows no phase change.",
        "ICL gained by the end of training, nats",
        kind="control",
    ),
    Claim(
        "shuffled_has_no_induction_head",
        "",
        "A model of shuffled text has no induction head.",
        "best prefix matching at any checkpoint",
        kind="control",
    ),
    Claim(
        "spans_have_no_induction_head",
        "",
        "Language without repeats (shuffled spans of 16 tokens) makes no induction head.",
        "best prefix matching at any checkpoint",
        kind="control",
    ),
    Claim(
        "adamw_changes",
        "",
        "With AdamW in place of Muon the change happens.",
        "1 if the phase rule finds a change, else 0",
        kind="control",
    ),
    Claim(
        "rotary_changes",
        "",
        "With rotary positions the change happens.",
        "1 if the phase rule finds a change, else 0",
        kind="control",
    ),
    Claim(
        "learned_changes",
        "",
        "With learned positions the change happens.",
        "1 if the phase rule finds a change, else 0",
        kind="control",
    ),
    Claim(
        "one_layer_of_another_corpus_flat",
        "",
        "A one-layer model of another corpus shows no phase change.",
        "ICL gained by the end of training, nats",
        kind="control",
    ),
)

EVERY = (*CLAIMS, *CONTROLS)
TESTED = tuple(claim.name for claim in EVERY if not claim.reason)


def check_rules(claims: ClaimSettings) -> None:
    """Raise ParamsError unless every claim that can be tested has a rule, and nothing else has one.

    A claim without its rule would pass for one that these models cannot decide.
    """
    key = "claims.rules"
    for name in sorted(set(TESTED) - set(claims.rules)):
        raise ParamsError(f"{key}.{name}", ABSENT, "a rule", "add it")
    for name in sorted(set(claims.rules) - set(TESTED)):
        expected = "a claim of induction/claims/registry.py"
        raise ParamsError(f"{key}.{name}", name, expected, "rename or remove it")
