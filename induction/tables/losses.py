"""Table of stage `losses`."""

import pyarrow as pa

from induction.tables.contract import Column, Table

LOSSES = Table(
    "losses",
    "loss of every token of the evaluation set at every checkpoint; one row group per step",
    ("step", "seq", "pos"),
    (
        Column("step", pa.int32(), "optimiser steps done"),
        Column("seq", pa.int16(), "sequence of the evaluation set"),
        Column("pos", pa.int16(), "tokens 0 … pos are read, token pos + 1 is predicted"),
        Column("loss", pa.float32(), "nats"),
    ),
)
