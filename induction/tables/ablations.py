"""Table of stage `ablations`."""

import pyarrow as pa

from induction.tables.contract import Column, Table

ABLATIONS = Table(
    "ablations",
    "losses without one head, per sequence; replacement and mode 'none', layer -1, head -1 is the "
    "whole model",
    ("step", "layer", "head", "replacement", "mode", "seq"),
    (
        Column("step", pa.int32(), "optimiser steps done"),
        Column("layer", pa.int16(), "layer of the ablated head, from 0; -1 for none"),
        Column("head", pa.int16(), "ablated head of the layer, from 0; -1 for none"),
        Column(
            "replacement",
            pa.string(),
            "what stands in for the head's output: zero, mean (its own over sequences and "
            "positions), resample (its own in the next sequence) or none; mean and resample on "
            "the first ablations.other_sequences only",
        ),
        Column("mode", pa.string(), "full, pattern (patterns preserved) or none"),
        Column("seq", pa.int16(), "sequence of the evaluation set"),
        Column("early", pa.float32(), "nats; mean loss in icl.windows.early"),
        Column("late", pa.float32(), "nats; mean loss in icl.windows.late"),
        Column("mean", pa.float32(), "nats; mean loss over all positions"),
        Column("sampled", pa.float32(), "nats; loss at the sequence's sampled position"),
    ),
)
