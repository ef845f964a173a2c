"""Table of stage `losses`."""

from induction.tables.columns import POS, SEQ, STEP, float32
from induction.tables.contract import Table

LOSSES = Table(
    "losses",
    "loss of every token of the evaluation set at every checkpoint; one row group per step",
    (STEP, SEQ, POS),
    (float32("loss", "nats"),),
)
