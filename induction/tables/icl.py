"""Tables of stage `icl`: reductions of the losses that everything later reads."""

import pyarrow as pa

from induction.tables.contract import Column, Table

_STEP = Column("step", pa.int32(), "optimiser steps done")


def _nats(name: str, what: str) -> Column:
    return Column(name, pa.float64(), f"nats; {what}")


ICL = Table(
    "icl",
    "the in-context-learning score per checkpoint; more in-context learning is more negative",
    ("step",),
    (
        _STEP,
        _nats("loss", "mean over all sequences and positions"),
        _nats("loss_low", "lower end of its bootstrap interval over sequences"),
        _nats("loss_high", "upper end of its bootstrap interval over sequences"),
        _nats("early", "mean loss in icl.windows.early"),
        _nats("late", "mean loss in icl.windows.late"),
        _nats("icl", "late minus early"),
        _nats("icl_low", "lower end of its bootstrap interval over sequences"),
        _nats("icl_high", "upper end of its bootstrap interval over sequences"),
        _nats("icl_paper", "loss at icl.late_point minus loss at icl.early_point"),
        _nats("icl_paper_low", "lower end of its bootstrap interval over sequences"),
        _nats("icl_paper_high", "upper end of its bootstrap interval over sequences"),
    ),
)

POSITIONS = Table(
    "icl_positions",
    "mean loss per position of the context, per checkpoint",
    ("step", "pos"),
    (
        _STEP,
        Column("pos", pa.int16(), "tokens 0 … pos are read, token pos + 1 is predicted"),
        _nats("loss", "mean over sequences"),
    ),
    without=("corpus.n_ctx", "icl"),
)

SAMPLED = Table(
    "icl_sampled",
    "the loss vectors of PCA: the loss at one fixed position of every sequence",
    ("step", "seq"),
    (
        _STEP,
        Column("seq", pa.int16(), "sequence of the evaluation set"),
        Column("loss", pa.float32(), "nats, at the sequence's sampled position"),
    ),
    without=("corpus.n_ctx", "icl"),
)
