"""Table of stage `heads`."""

import pyarrow as pa

from stages.lib.tables.contract import Column, Table

HEADS = Table(
    "heads",
    "what each head attends to, at every checkpoint",
    ("step", "layer", "head"),
    (
        Column("step", pa.int32(), "optimiser steps done"),
        Column("layer", pa.int16(), "layer, from 0"),
        Column("head", pa.int16(), "head of the layer, from 0"),
        Column(
            "prefix_matching",
            pa.float32(),
            "attention, summed over the tokens after earlier occurrences; repeated random block",
        ),
        Column(
            "prefix_matching_gap",
            pa.float32(),
            "the same where random gaps separate the repeats, so that no fixed distance helps",
        ),
        Column(
            "same_token",
            pa.float32(),
            "attention, summed over the earlier occurrences themselves; the -1 control",
        ),
        Column("previous_token", pa.float32(), "attention to the previous token on held-out text"),
    ),
)
