"""The claims of Olsson et al. (2022) in our words, and our controls: what each is judged by.

The bounds stand in params.yaml under `claims.rules`, the statistics in induction/sql/claims/.
"""

import math
from dataclasses import dataclass
from typing import Literal

from induction.config.claims import ClaimSettings
from induction.config.errors import ABSENT, ParamsError

CONTROL = ""
Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-math.inf, math.inf)
SHARE: Bounds = (0.0, 1.0)
CORRELATION: Bounds = (-1.0, 1.0)
ANGLE: Bounds = (0.0, 180.0)


@dataclass(frozen=True)
class ClaimDefinition:
    """`section` is the paper's, CONTROL for a control of ours. Either `statistic` says what the
    value is, with its unit, or `reason` why these models can have none. `bounds` are those that
    the value cannot leave, nor its interval: of counts, attention, correlations, angles."""

    name: str
    section: str
    text: str
    statistic: str = ""
    reason: str = ""
    bounds: Bounds = UNBOUNDED

    @property
    def kind(self) -> Literal["claim", "control"]:
        return "control" if self.section == CONTROL else "claim"


def _tested(
    section: str, **claims: tuple[str, str] | tuple[str, str, Bounds]
) -> list[ClaimDefinition]:
    """By name: the text, the statistic, and the statistic's bounds if it has any."""
    return [
        ClaimDefinition(name, section, text, statistic, bounds=bounds[0] if bounds else UNBOUNDED)
        for name, (text, statistic, *bounds) in claims.items()
    ]


def _untested(section: str, **claims: tuple[str, str]) -> list[ClaimDefinition]:
    """By name: the text and the reason."""
    return [ClaimDefinition(n, section, text, reason=r) for n, (text, r) in claims.items()]


# In the order of the page.
DEFINITIONS = (
    *_tested("Argument 1",
        icl_forms_in_window=(
            "Every model of two and more layers gains most of its in-context "
            "learning in one window.",
            "share of the final ICL that forms inside the window; 0 without one"),
        window_is_narrow=("The window is a narrow part of training.",
            "share of training in which ICL goes from 10 to 90 %", SHARE),
        little_before=("Before the window there is less than 0.15 nats of in-context learning.",
            "ICL gained by the start of the window, nats"),
        much_after=("After it there are 0.3 nats and more (the paper: about 0.4).",
            "ICL gained by the end of training, nats"),
    ),
    *_untested("Argument 1; Model Details",
        window_place=("The window lies at 2.5 to 5 billion tokens (or 1 to 3).",
            "our models are far smaller and read some million tokens"),
    ),
    *_tested("Argument 1",
        one_layer_flat=("A one-layer model gains little in-context learning.",
            "its final ICL as a share of that of deeper models of its seed"),
        one_layer_no_induction_head=("A one-layer model has no induction head.",
            "best prefix matching at any checkpoint", SHARE),
        induction_heads_form=("In deeper models some heads reach high prefix matching.",
            "best prefix matching at the end, mean over models", SHARE),
        prefix_matching_in_window=(
            "Prefix matching rises in the window in which in-context learning does.",
            "share of models and estimators in which the two changes overlap", SHARE),
        loss_bump_in_window=("In the window the loss curve leaves that of the one-layer model.",
            "share of models and estimators in which the two changes overlap", SHARE),
        pca_turns_in_window=(
            "In the window the model's path in the PCA of loss vectors turns away.",
            "share of models and estimators in which the two changes overlap", SHARE),
        pca_right_angle=("The turn is roughly a right angle.",
            "angle between the path before and in the window, degrees", ANGLE),
        pca_one_layer_straight=("The one-layer model's path goes straight on.",
            "angle of its path at the windows of deeper models of its seed, degrees", ANGLE),
        no_gain_before=("Before the window, context beyond about 50 tokens gains nothing.",
            "d loss / d ln(position) beyond 50 at the window's start, nats"),
        gain_after=("After the window, context goes on gaining.",
            "d loss / d ln(position) beyond 50 at the end of training, nats"),
        one_layer_flattens=(
            "In a one-layer model context beyond about 50 tokens gains nothing, even at the end.",
            "d loss / d ln(position) beyond 50 at the end of training, nats"),
        not_the_warmup=("The change is not caused by the learning-rate schedule.",
            "shift of the change per shift of the warm-up's end"),
        another_corpus=("In-context learning forms on another corpus, too.",
            "ICL gained by the end of training, nats"),
        repeats_improve=(
            "In the window, tokens that continue as the same two tokens did last improve.",
            "change of their loss, minus that of tokens after a new pair, nats"),
        new_continuations_worsen=(
            "Tokens that continue as the same two tokens never did before get worse.",
            "change of their loss, nats"),
    ),
    *_tested("Argument 2",
        smeared_one_layer_changes=("With smeared keys one layer is enough for the change.",
            "ICL gained by the end, minus that of the one-layer model of its seed, nats"),
        smeared_two_layers_earlier=("With smeared keys two layers change earlier.",
            "middle of the ICL change, minus that of the two-layer model of its seed, tokens"),
        icl_moves_as_a_whole=("The window that moves holds all of the gain, not a part of it.",
            "share of the final ICL that forms inside the window (smeared keys); 0 without one"),
    ),
    *_tested("Argument 3",
        carriers_are_induction_heads=(
            "Heads whose removal lowers in-context learning are almost only induction heads.",
            "share of induction heads among those that carry 0.1 nats and more, patterns held",
            SHARE),
        carry_the_majority=("Induction heads carry the majority of in-context learning.",
            "share of ICL that goes with all of them, attention-only models"),
        carry_almost_all=("In small attention-only models they carry almost all of it.",
            "share of ICL that goes with all of them"),
        carry_throughout=("They carry it from the window to the end of training.",
            "least share of ICL that goes with them at the checkpoints asked after the window"),
        others_raise_icl=("Removing most other heads raises in-context learning.",
            "share of other heads without which ICL is larger, patterns held", SHARE),
        undo_the_change=(
            "Only the removal of induction heads undoes the change, token by token (a·b).",
            "share undone by the best induction head, minus that by the best other head"),
        mlp_carry_the_majority=("Induction heads carry the majority in models with MLPs, too.",
            "share of ICL that goes with all of them"),
        mlp_carry_less=("In models with MLPs the evidence is weaker.",
            "share of ICL that goes with them, minus that of attention-only models of its depth"),
    ),
    *_tested("Argument 5",
        qk_trace_in_window=(
            "The QK-trace of the head that matches prefixes best at the end rises in the window in "
            "which in-context learning does.",
            "share of models and estimators in which the change of that one head's QK positivity "
            "over training overlaps with that of ICL", SHARE),
        qk_trace_is_prefix_matching=(
            "At the end of training the heads with a high QK-trace are those that match prefixes.",
            "correlation of QK positivity and prefix matching over heads beyond layer 0, last "
            "checkpoint", CORRELATION),
    ),
    *_tested("Validating head activation evaluators",
        copying_is_ov_positivity=(
            "The copying score and the positivity of the OV circuit go together.",
            "correlation over heads, last checkpoint", CORRELATION),
    ),
    *_tested("Framework, Two-Layer Model",
        k_composition_dominates=(
            "Induction heads are joined to previous-token heads by K-composition above all.",
            "K-composition of the strongest pair, minus its Q- or V-composition, above random"),
    ),
    *_tested("Argument 4",
        random_repeats=("Induction works on random tokens that are repeated.",
            "fall of the loss from the first to later repeats, random gaps, nats"),
        random_repeats_beat_chance=(
            "On random tokens that are repeated, models end up better than guessing.",
            "ln(vocabulary), the loss of an even guess, minus that of later repeats, random gaps, "
            "nats"),
    ),
    *_tested("Framework, comments",
        rest_on_first=("Where nothing matches, induction heads rest on the first token.",
            "attention on it in the first block of a probe, induction heads", SHARE),
    ),
    *_tested("Comments: Redwood's replication",
        exact_previous_token=(
            "The exact previous-token pattern does nearly all that previous-token heads do.",
            "share of the loss gap of their removal that it recovers"),
        exact_induction=(
            "First token and exact match do half and more of what induction heads "
            "do (Redwood: 65 %).",
            "share of the loss gap of their removal that it recovers"),
        three_gram_helps=("Matching three-grams helps (Redwood: by about 10 %).",
            "share recovered with it, minus without"),
    ),
    *_untested("Comments: Lieberum",
        other_families=("Heads of GPT-2 XL and GPT-Neo behave in the same way.",
            "only the models of this study are measured"),
    ),
    *_tested("Model Analysis Table",
        in_the_last_layer=("In attention-only models induction heads lie in the last layer.",
            "share of induction heads in the last layer", SHARE),
        prefix_matching_with_copying=("Heads that match prefixes copy.",
            "share of induction heads whose copying score is above zero (on our reading of its "
            "scale, for which the paper gives no formula)", SHARE),
        copies_more_than_others=(
            "Heads that match prefixes copy more than the other heads of their model.",
            "share of pairs of an induction head and another in which the former's copying score "
            "is higher, whatever its scale", SHARE),
    ),
    *_tested("Unexplained curiosities",
        icl_constant_over_depth=("After the window in-context learning hardly depends on depth.",
            "difference between three and two layers, as a share of the latter's ICL"),
        icl_constant_over_time=("After the window in-context learning hardly changes any more.",
            "change from the window's end to the end of training, as a share of the final ICL"),
        size_helps_early_tokens=(
            "What a larger model gains, it gains mostly within the first ten "
            "tokens of the context.",
            "gap of three to two layers at positions 8 to 12, as a share of that at the end"),
    ),
    *_untested("Unexplained curiosities",
        order_inverts=("The order of d loss / d ln(tokens) over sizes inverts at the change.",
            "the study has no series of sizes: its models differ in kind"),
    ),
    *_untested("Model Analysis Table",
        oddities=(
            "Single models show a late head that undoes the change, a loss spike, an odd sign.",
            "anecdotes of single runs of six-layer models"),
    ),
    *_untested("Argument 4",
        pattern_matching_heads=(
            "Induction heads of large models also translate and match patterns.",
            "seen in a model of 13 billion parameters"),
    ),
    *_tested(CONTROL,
        random_sets_small=(
            "Layer-matched random sets of heads carry little of what induction heads carry.",
            "their mean share of ICL, as a share of that of induction heads"),
        beats_every_random_set=(
            "No layer-matched random set carries as much as the induction heads.",
            "share of ICL of induction heads, minus that of the best random set"),
        knockout_of_the_pattern=(
            "Without their attention on matches alone, induction heads carry little.",
            "share of ICL that goes with the knockout, as a share of that of their removal"),
        knockout_of_other_keys=("Knocking out as many other keys does little.",
            "share of ICL that goes with it, as a share of the pattern's knockout"),
        untrained=("Untrained models have no induction head.",
            "best prefix matching before training, all models", SHARE),
        minus_one_offset=("Induction heads look after the match, not at it.",
            "their attention on earlier occurrences themselves, as a share of prefix matching"),
        periodic_is_flagged=(
            "A model that solves repeats by position is flagged, not called induction.",
            "1 if it has a positional head and no induction head, else 0", SHARE),
        shuffled_has_no_change=("A model of shuffled text shows no phase change.",
            "ICL gained by the end of training, nats"),
        shuffled_has_no_induction_head=("A model of shuffled text has no induction head.",
            "best prefix matching at any checkpoint", SHARE),
        spans_have_no_induction_head=(
            "Language without repeats (shuffled spans of 16 tokens) makes no induction head.",
            "best prefix matching at any checkpoint", SHARE),
        adamw_changes=("With AdamW in place of Muon the change happens.",
            "1 if the phase rule finds a change, else 0", SHARE),
        rotary_changes=("With rotary positions the change happens.",
            "1 if the phase rule finds a change, else 0", SHARE),
        learned_changes=("With learned positions the change happens.",
            "1 if the phase rule finds a change, else 0", SHARE),
        one_layer_of_another_corpus_flat=(
            "A one-layer model of another corpus shows no phase change.",
            "ICL gained by the end of training, nats"),
    ),
)  # fmt: skip
TESTED = tuple(claim.name for claim in DEFINITIONS if not claim.reason)


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
