"""Tables of stage `interventions`."""

import pyarrow as pa

from induction.tables.contract import Column, Table

INTERVENTIONS = Table(
    "interventions",
    "losses with sets of heads removed, knocked out or given ideal patterns, per sequence",
    ("step", "intervention", "draw", "seq"),
    (
        Column("step", pa.int32(), "optimiser steps done"),
        Column(
            "intervention",
            pa.string(),
            "none, {without,random}_{induction,previous_token,both}, knockout, knockout_random or "
            "ideal_{previous,induction,trigram,both}; only those that table sets calls defined",
        ),
        Column("draw", pa.int16(), "random set of random_*, from 0; 0 for all others"),
        Column("seq", pa.int16(), "sequence of the evaluation set"),
        Column("early", pa.float32(), "nats; mean loss in icl.windows.early"),
        Column("late", pa.float32(), "nats; mean loss in icl.windows.late"),
        Column("mean", pa.float32(), "nats; mean loss over all positions"),
        Column("sampled", pa.float32(), "nats; loss at the sequence's sampled position"),
    ),
)

INTERVENTION_HEADS = Table(
    "intervention_heads",
    "the heads of each intervention, by their kind at that checkpoint, and whether it is defined",
    ("step", "intervention"),
    (
        Column("step", pa.int32(), "optimiser steps done"),
        Column("intervention", pa.string(), "as in table interventions"),
        Column("n_heads", pa.int16(), "heads; of random_*, heads of each random set"),
        Column("heads", pa.string(), "like 'L1H3 L1H0'; '' for none, and for random_*"),
        Column("is_defined", pa.bool_(), "whether table interventions has its losses"),
        Column("reason", pa.string(), "why it is not defined; '' where it is"),
    ),
)
