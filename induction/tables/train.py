"""Table of stage `train`."""

import pyarrow as pa

from induction.tables.contract import Column, Table

LOG = Table(
    "log",
    "the training log, one row per optimiser step",
    ("step",),
    (
        Column("step", pa.int32(), "optimiser steps done, from 1"),
        Column("tokens_seen", pa.int64(), "training tokens up to and including this step"),
        Column("learning_rate", pa.float32(), "AdamW's learning rate of this step"),
        Column("loss", pa.float32(), "nats per token, on the batch of this step"),
        Column("grad_norm", pa.float32(), "norm of all gradients before clipping"),
    ),
)
