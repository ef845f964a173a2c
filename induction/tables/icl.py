"""Tables of stage `icl`: reductions of the losses that everything later reads."""

from induction.tables.columns import POS, SEQ, STEP, float32, float64
from induction.tables.contract import Column, Table


def _with_interval(name: str, what: str) -> tuple[Column, ...]:
    return (
        float64(name, f"nats; {what}"),
        float64(f"{name}_low", "nats; lower end of its bootstrap interval over sequences"),
        float64(f"{name}_high", "nats; upper end of its bootstrap interval over sequences"),
    )


ICL = Table(
    "icl",
    "the in-context-learning score per checkpoint; more in-context learning is more negative",
    (STEP,),
    (
        *_with_interval("loss", "mean over all sequences and positions"),
        float64("early", "nats; mean loss in icl.windows.early"),
        float64("late", "nats; mean loss in icl.windows.late"),
        float64("late_short", "nats; that of the same tokens with the context of the early window"),
        *_with_interval("icl_matched", "late minus late_short: what the rest of the context gives"),
        *_with_interval("icl", "late minus early"),
        *_with_interval("icl_paper", "loss at icl.late_point minus loss at icl.early_point"),
    ),
)

POSITIONS = Table(
    "icl_positions",
    "mean loss per position of the context, per checkpoint",
    (STEP, POS),
    (float64("loss", "nats; mean over sequences"),),
    without=("corpus.evaluation.tokens", "icl"),
)

SAMPLED = Table(
    "icl_sampled",
    "the loss vectors of PCA: the loss at one fixed position of every sequence",
    (STEP, SEQ),
    (float32("loss", "nats, at the sequence's sampled position"),),
    without=("corpus.evaluation.tokens", "icl"),
)
