"""The claims of Olsson et al. (2022) in our words, and our controls: what each is judged by.

The bounds stand in params.yaml under `claims.rules`, the statistics in induction/sql/claims/.
"""

from induction.claims.definition import (
    ANGLE,
    CONTROL,
    CORRELATION,
    PROBES,
    SHARE,
    Tested,
    tested,
    untested,
)
from induction.config.claims import ClaimSettings
from induction.config.errors import ABSENT, ParamsError

# In the order of the page.
DEFINITIONS = (
    *tested("Argument 1",
        icl_forms_in_window=Tested(
            "Every model of two or more layers gains most of its in-context "
            "learning in one window.",
            "share of the final ICL that forms inside the window; 0 without one", "share",
            "{} of the final in-context learning forms inside the window (a model without a "
            "window counts as zero)"),
        window_is_narrow=Tested("The window is a narrow part of training.",
            "share of training in which ICL goes from 10 to 90 %", "share",
            "In-context learning goes from 10 to 90 % of its change in {} of training", SHARE),
        little_before=Tested(
            "Before the window there is less than 0.15 nats of in-context learning.",
            "ICL gained by the start of the window, nats", "nats",
            "By the start of the window the models have gained {} of in-context learning"),
        much_after=Tested(
            "After the window there are 0.3 nats and more of in-context learning (the paper: about "
            "0.4).",
            "ICL gained by the end of training, nats", "nats",
            "By the end of training the models have gained {} of in-context learning"),
    ),
    *untested("Argument 1; Model Details",
        window_place=("The window lies at 2.5 to 5 billion tokens (or 1 to 3).",
            "our models are far smaller and read some million tokens"),
    ),
    *tested("Argument 1",
        one_layer_flat=Tested("A one-layer model gains little in-context learning.",
            "its final ICL as a share of that of deeper models of its seed", "share",
            "A one-layer model gains {} of what the deeper models of its seed gain"),
        one_layer_no_induction_head=Tested("A one-layer model has no induction head.",
            "best prefix matching at any checkpoint", "share",
            "At any checkpoint, the best head puts at most {} of its attention on the tokens after "
            "matches", SHARE, PROBES),
        induction_heads_form=Tested("In deeper models some heads reach high prefix matching.",
            "best prefix matching at the end, mean over models", "share",
            "At the end of training, a model's best head puts {} of its attention on the tokens "
            "after matches", SHARE, PROBES),
        prefix_matching_in_window=Tested(
            "Prefix matching rises in the window in which in-context learning does.",
            "share of models, each dated in two ways, in which the two changes overlap", "share",
            "Dated by levels and by slope in every run, the two changes overlap in {} of the cases",
            SHARE),
        loss_bump_in_window=Tested(
            "In the window the loss curve leaves that of the one-layer model.",
            "share of models, each dated in two ways, in which the two changes overlap", "share",
            "Dated by levels and by slope in every run, the two changes overlap in {} of the cases",
            SHARE),
        pca_turns_in_window=Tested(
            "In the window the model's path in the PCA of loss vectors turns away.",
            "share of models, each dated in two ways, in which the two changes overlap", "share",
            "Dated by levels and by slope in every run, the two changes overlap in {} of the cases",
            SHARE),
        pca_right_angle=Tested(
            "In the PCA of loss vectors the model's path turns by roughly a right angle.",
            "angle between the path before and in the window, degrees", "degrees",
            "In the window the path turns by {}", ANGLE),
        pca_one_layer_straight=Tested(
            "In the PCA of loss vectors the one-layer model's path goes straight on.",
            "angle of its path at the windows of deeper models of its seed, degrees", "degrees",
            "At the windows of the deeper models its path turns by {}", ANGLE),
        no_gain_before=Tested(
            "Before the window, context beyond about 50 tokens does not lower the loss.",
            "d loss / d ln(position) beyond 50 at the window's start, nats", "nats",
            "At the window's start, the loss changes by {} each time the context grows by a "
            "factor of e"),
        gain_after=Tested("After the window, context beyond about 50 tokens lowers the loss.",
            "d loss / d ln(position) beyond 50 at the end of training, nats", "nats",
            "At the end of training, the loss changes by {} each time the context grows by a "
            "factor of e"),
        one_layer_flattens=Tested(
            "In a one-layer model context beyond about 50 tokens does not lower the loss, even at "
            "the end of training.",
            "d loss / d ln(position) beyond 50 at the end of training, nats", "nats",
            "At the end of training, the loss changes by {} each time the context grows by a "
            "factor of e"),
        not_the_warmup=Tested("The change is not caused by the learning-rate schedule.",
            "shift of the change per shift of the warm-up's end", "share",
            "When the warm-up ends later, the change comes later by {} of that delay"),
        another_corpus=Tested("In-context learning forms on another corpus, too.",
            "ICL gained by the end of training, nats", "nats",
            "On the other corpus the models gain {} of in-context learning"),
        repeats_improve=Tested(
            "In the window, the model gets better at tokens that followed the same two tokens the "
            "last time, too.",
            "change of their loss, minus that of tokens after a new pair, nats", "nats",
            "Compared with the loss of tokens after a new pair, theirs changes by {} in the "
            "window"),
        new_continuations_worsen=Tested(
            "In the window, the model gets worse at tokens that never followed the same two tokens "
            "before.",
            "change of their loss, nats", "nats",
            "In the window their loss changes by {}"),
    ),
    *tested("Argument 2",
        smeared_one_layer_changes=Tested("With smeared keys one layer is enough for the change.",
            "ICL gained by the end, minus that of the one-layer model of its seed, nats", "nats",
            "With smeared keys, one layer gains {} of in-context learning more than without"),
        smeared_two_layers_earlier=Tested("With smeared keys two layers change earlier.",
            "middle of the ICL change, minus that of the two-layer model of its seed, tokens",
            "tokens",
            "With smeared keys the middle of the change moves by {} (below zero is earlier)"),
        icl_moves_as_a_whole=Tested(
            "The window that smeared keys move holds all of the gain in in-context learning, not a "
            "part of it.",
            "share of the final ICL that forms inside the window (smeared keys); 0 without one",
            "share",
            "With smeared keys, {} of the final in-context learning forms inside the window (a "
            "model without a window counts as zero)"),
    ),
    *tested("Argument 3",
        carriers_are_induction_heads=Tested(
            "With later attention held fixed, the heads whose removal lowers in-context learning "
            "are almost only induction heads.",
            "share of induction heads among those that carry 0.1 nats and more, with later "
            "attention held fixed", "share",
            "With later attention held fixed, {} of the heads that carry 0.1 nats and more are "
            "induction heads", SHARE),
        carry_the_majority=Tested("Induction heads carry the majority of in-context learning.",
            "share of ICL that goes with all of them, attention-only models", "share",
            "Removing all induction heads costs {} of in-context learning"),
        carry_almost_all=Tested(
            "In small attention-only models induction heads carry almost all of in-context "
            "learning.",
            "share of ICL that goes with all of them", "share",
            "Removing all induction heads costs {} of in-context learning"),
        carry_throughout=Tested(
            "Induction heads carry in-context learning from the window to the end of training.",
            "least share of ICL that goes with them at the checkpoints asked after the window",
            "share",
            "At the checkpoint after the window where they carry least, removing them costs {} of "
            "in-context learning"),
        others_raise_icl=Tested(
            "With later attention held fixed, removing most other heads raises in-context "
            "learning.",
            "share of other heads without which ICL is larger, with later attention held fixed",
            "share",
            "With later attention held fixed, removing the head raises in-context learning for {} "
            "of the other heads", SHARE),
        undo_the_change=Tested(
            "With later attention held fixed, only the removal of induction heads undoes the "
            "change, token by token (a·b).",
            "share undone by the best induction head, minus that by the best other head",
            "points",
            "With later attention held fixed, removing the best induction head undoes {} more of "
            "the change than removing the best other head"),
        mlp_carry_the_majority=Tested(
            "In models with MLPs, too, induction heads carry the majority of in-context learning.",
            "share of ICL that goes with all of them", "share",
            "Removing all induction heads costs {} of in-context learning"),
        mlp_carry_less=Tested("In models with MLPs the evidence is weaker.",
            "share of ICL that goes with them, minus that of attention-only models of its depth",
            "points",
            "The share that induction heads carry differs by {} from that of attention-only "
            "models"),
    ),
    *tested("Argument 4",
        random_repeats=Tested("Induction works on random tokens that are repeated.",
            "fall of the loss from the first to later repeats, random gaps, nats", "nats",
            "From the first to later repeats the loss falls by {}", sample=PROBES),
        random_repeats_beat_chance=Tested(
            "On random tokens that are repeated, models end up better than an even guess over the "
            "whole vocabulary.",
            "ln(vocabulary), the loss of an even guess over the vocabulary, minus that of later "
            "repeats, random gaps, nats", "nats",
            "The loss of an even guess over the whole vocabulary, minus that on later repeats, is "
            "{} (below zero: the guess is better)", sample=PROBES),
    ),
    *untested("Argument 4",
        pattern_matching_heads=(
            "Induction heads of large models also translate and match patterns.",
            "seen in a model of 13 billion parameters"),
    ),
    *tested("Argument 5",
        qk_trace_in_window=Tested(
            "The QK-trace of the head that matches prefixes best at the end rises in the window in "
            "which in-context learning does.",
            "share of models, each dated in two ways, in which the change of that head's QK "
            "positivity over training overlaps with that of ICL", "share",
            "Dated by levels and by slope in every run, the two changes overlap in {} of the cases",
            SHARE),
        qk_trace_is_prefix_matching=Tested(
            "At the end of training the heads with a high QK-trace are those that match prefixes.",
            "correlation of QK positivity and prefix matching over heads beyond layer 0, last "
            "checkpoint", "number",
            "Over the heads of a model beyond the first layer, the two have a correlation of {}",
            CORRELATION, PROBES),
    ),
    *tested("Validating head activation evaluators",
        copying_is_ov_positivity=Tested(
            "The copying score and the positivity of the OV circuit go together.",
            "correlation over heads, last checkpoint", "number",
            "Over the heads of a model, the two have a correlation of {}", CORRELATION),
    ),
    *tested("Comments: Redwood's replication",
        exact_previous_token=Tested(
            "The exact previous-token pattern does nearly all that previous-token heads do.",
            "share of the loss gap of their removal that it recovers", "share",
            "The exact pattern recovers {} of the loss that their removal costs"),
        exact_induction=Tested(
            "Attention on the first token and on exact matches alone does at least half of what "
            "induction heads do (Redwood: 65 %).",
            "share of the loss gap of their removal that it recovers", "share",
            "The exact pattern recovers {} of the loss that their removal costs"),
        three_gram_helps=Tested("Matching three-grams helps (Redwood: by about 10 %).",
            "share recovered with it, minus without", "points",
            "With three-grams the pattern recovers {} more"),
    ),
    *untested("Comments: Lieberum",
        other_families=("Heads of GPT-2 XL and GPT-Neo behave in the same way.",
            "only the models of this study are measured"),
    ),
    *tested("Framework, Two-Layer Model",
        k_composition_dominates=Tested(
            "Induction heads are joined to previous-token heads by K-composition above all.",
            "K-composition of the strongest pair, minus its Q- or V-composition, above random",
            "number",
            "The strongest pair's K-composition exceeds its Q- and V-composition by {}"),
    ),
    *tested("Framework, comments",
        rest_on_first=Tested("Where nothing matches, induction heads rest on the first token.",
            "attention on it in the first block of a probe, induction heads", "share",
            "Where nothing matches, induction heads put {} of their attention on the first token",
            SHARE, PROBES),
    ),
    *tested("Model Analysis Table",
        in_the_last_layer=Tested("In attention-only models induction heads lie in the last layer.",
            "share of induction heads in the last layer", "share",
            "{} of the induction heads lie in the last layer", SHARE),
        prefix_matching_with_copying=Tested("Heads that match prefixes copy.",
            "share of induction heads whose copying score is above zero (on our reading of its "
            "scale, for which the paper gives no formula)", "share",
            "{} of the induction heads have a copying score above zero", SHARE),
        copies_more_than_others=Tested(
            "Heads that match prefixes copy more than the other heads of their model.",
            "share of pairs of an induction head and another in which the former's copying score "
            "is higher, whatever its scale", "share",
            "In {} of the pairs of an induction head and another head, the induction head copies "
            "more", SHARE),
    ),
    *untested("Model Analysis Table",
        oddities=(
            "Single models show a late head that undoes the change, a loss spike, an odd sign.",
            "anecdotes of single runs of six-layer models"),
    ),
    *tested("Unexplained curiosities",
        icl_constant_over_depth=Tested(
            "After the window in-context learning hardly depends on depth.",
            "difference between three and two layers, as a share of the latter's ICL", "share",
            "Three layers differ from two by {} of what two layers gain"),
        icl_constant_over_time=Tested(
            "After the window in-context learning hardly changes any more.",
            "change from the window's end to the end of training, as a share of the final ICL",
            "share",
            "From the window's end to the end of training it changes by {} of its final size"),
        size_helps_early_tokens=Tested(
            "What a larger model gains, it gains mostly within the first ten "
            "tokens of the context.",
            "gap of three to two layers at positions 8 to 12, as a share of that at the end",
            "share",
            "At positions 8 to 12, the gap of three to two layers is {} of that at the context's "
            "end"),
    ),
    *untested("Unexplained curiosities",
        order_inverts=("The order of d loss / d ln(tokens) over sizes inverts at the change.",
            "the study has no series of sizes: its models differ in kind"),
    ),
    *tested(CONTROL,
        random_sets_small=Tested(
            "Layer-matched random sets of heads carry little of what induction heads carry.",
            "their mean share of ICL, as a share of that of induction heads", "share",
            "On average, random sets carry {} of what the induction heads carry"),
        beats_every_random_set=Tested(
            "No layer-matched random set carries as much as the induction heads.",
            "share of ICL of induction heads, minus that of the best random set", "points",
            "The induction heads carry {} more of in-context learning than the best random set"),
        knockout_of_the_pattern=Tested(
            "Without their attention to what followed matches, induction heads carry little.",
            "share of ICL that goes with the knockout, as a share of that of their removal",
            "share",
            "Losing this attention costs {} of the in-context learning that removing the heads "
            "costs"),
        knockout_of_other_keys=Tested(
            "Losing attention to as many other tokens costs induction heads little.",
            "share of ICL that goes with it, as a share of the pattern's knockout", "share",
            "Losing attention to other tokens costs {} of what losing it to those after matches "
            "costs"),
        untrained=Tested("Untrained models have no induction head.",
            "best prefix matching before training, all models", "share",
            "Before training, a model's best head puts {} of its attention on the tokens after "
            "matches", SHARE, PROBES),
        minus_one_offset=Tested("Induction heads look after the match, not at it.",
            "their attention on earlier occurrences themselves, as a share of prefix matching",
            "share",
            "Their attention on the matches themselves is {} of that on the tokens after them",
            sample=PROBES),
        periodic_is_flagged=Tested(
            "A model that solves repeats by position is flagged, and not said to have induction "
            "heads.",
            "1 if it has a positional head and no induction head, else 0", "share",
            "{} of the models are flagged", SHARE),
        shuffled_has_no_change=Tested("A model of shuffled text shows no phase change.",
            "ICL gained by the end of training, nats", "nats",
            "By the end of training the model has gained {} of in-context learning"),
        shuffled_has_no_induction_head=Tested("A model of shuffled text has no induction head.",
            "best prefix matching at any checkpoint", "share",
            "At any checkpoint, the best head puts at most {} of its attention on the tokens after "
            "matches", SHARE, PROBES),
        spans_have_no_induction_head=Tested(
            "Language without repeats (shuffled spans of 16 tokens) makes no induction head.",
            "best prefix matching at any checkpoint", "share",
            "At any checkpoint, the best head puts at most {} of its attention on the tokens after "
            "matches", SHARE, PROBES),
        adamw_changes=Tested("With AdamW instead of Muon the change happens.",
            "1 if the phase rule finds a change, else 0", "share",
            "The phase rule finds a change in {} of the models", SHARE),
        rotary_changes=Tested("With rotary positions the change happens.",
            "1 if the phase rule finds a change, else 0", "share",
            "The phase rule finds a change in {} of the models", SHARE),
        learned_changes=Tested("With learned positions the change happens.",
            "1 if the phase rule finds a change, else 0", "share",
            "The phase rule finds a change in {} of the models", SHARE),
        one_layer_of_another_corpus_flat=Tested(
            "A one-layer model of another corpus shows no phase change.",
            "ICL gained by the end of training, nats", "nats",
            "By the end of training the model has gained {} of in-context learning"),
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
