"""Table of stage `train`."""

from induction.tables.columns import float32, int32, int64
from induction.tables.contract import Table

LOG = Table(
    "log",
    "the training log, one row per optimiser step",
    (int32("step", "optimiser steps done, from 1"),),
    (
        int64("tokens_seen", "training tokens up to and including this step"),
        float32("learning_rate", "AdamW's learning rate of this step"),
        float32("loss", "nats per token, on the batch of this step"),
        float32("grad_norm", "norm of all gradients before clipping"),
    ),
)
