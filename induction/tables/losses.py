"""Tables of stage `losses`."""

from induction.tables.columns import POS, SEQ, STEP, float32
from induction.tables.contract import Table

LOSSES = Table(
    "losses",
    "loss of every token of the evaluation set at every checkpoint; one row group per step",
    (STEP, SEQ, POS),
    (float32("loss", "nats"),),
)

LOSSES_SHORT = Table(
    "losses_short",
    "the tokens of icl.windows.late again, with the context that those of icl.windows.early have",
    (STEP, SEQ, POS),
    (float32("loss", "nats; with pos + 1 - (late - early) tokens read, not pos + 1"),),
)
