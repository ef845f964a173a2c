"""Tables of stage `interventions`."""

from induction.tables.columns import SAMPLED_LOSS, SEQ, STEP, WINDOW_LOSSES, flag, int16, text
from induction.tables.contract import Table

INTERVENTIONS = Table(
    "interventions",
    "losses with sets of heads removed, knocked out or given ideal patterns, per sequence",
    (
        STEP,
        text(
            "intervention",
            "none, {without,random}_{induction,previous_token,both}, knockout, knockout_random or "
            "ideal_{previous,induction,trigram,both}; only those that table sets calls defined",
        ),
        int16("draw", "random set of random_*, of heads of no kind, from 0; 0 for all others"),
        SEQ,
    ),
    (*WINDOW_LOSSES, SAMPLED_LOSS),
)

INTERVENTION_HEADS = Table(
    "intervention_heads",
    "the heads of each intervention, by their kind at that checkpoint, and whether it is defined",
    (STEP, text("intervention", "as in table interventions")),
    (
        int16("n_heads", "heads; of random_*, heads of each random set"),
        text("heads", "like 'L1H3 L1H0'; '' for none, and for random_*"),
        flag("is_defined", "whether table interventions has its losses"),
        text("reason", "why it is not defined; '' where it is"),
    ),
)
