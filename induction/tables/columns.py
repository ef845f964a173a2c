"""Columns by their type, and those that several tables have."""

from collections.abc import Callable

import pyarrow as pa

from induction.tables.contract import Column


def _of(kind: pa.DataType) -> Callable[..., Column]:
    """Declares a column of this type: `int16(name, unit)`, `float64(name, unit, nullable=True)`."""
    return lambda name, unit, nullable=False: Column(name, kind, unit, nullable)


text, flag = _of(pa.string()), _of(pa.bool_())
int16, int32, int64 = _of(pa.int16()), _of(pa.int32()), _of(pa.int64())
uint8, uint32 = _of(pa.uint8()), _of(pa.uint32())
float32, float64 = _of(pa.float32()), _of(pa.float64())

CELL = text("cell", "model and seed")
STEP = int32("step", "optimiser steps done")
HEAD_KEY = (STEP, int16("layer", "layer, from 0"), int16("head", "head of the layer, from 0"))
SEQ = int16("seq", "sequence of the evaluation set")
POS = int16("pos", "tokens 0 … pos are read, token pos + 1 is predicted")
WINDOW_LOSSES = (
    float32("early", "nats; mean loss in icl.windows.early"),
    float32("late", "nats; mean loss in icl.windows.late"),
    float32("late_short", "nats; that of the same tokens with the context of icl.windows.early"),
    float32("mean", "nats; mean loss over all positions"),
)
SAMPLED_LOSS = float32("sampled", "nats; loss at the sequence's sampled position")
