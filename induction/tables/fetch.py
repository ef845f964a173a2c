"""Table of stage `fetch`."""

import numpy as np

from induction.tables.columns import STEP, float64, int32, text
from induction.tables.contract import Table
from induction.tables.parquet import read_table
from induction.tables.source import Source

FETCHED = Table(
    "checkpoints",
    "the checkpoints of a suite: where each came from, and what it is",
    (STEP,),
    (
        float64("tokens", "training tokens up to it; null where nothing says", nullable=True),
        text("commit", "of the hub's repository; empty for files of this machine"),
        text("sha256", "hash of all tensors, by name"),
        text("dtype", "type in which the weights are stored; all is computed in fp32"),
        text("licence", "as its model card names it; empty if nothing does"),
        int32("vocab_size", "tokens of its tokenizer; the model may have more rows"),
    ),
)


def tokens_per_step(source: Source) -> int:
    """Training tokens of an optimiser step, the mean over training; 1 where nothing says, so that
    training is measured in steps."""
    rows = read_table(FETCHED, source)
    step, tokens = rows["step"][-1], rows["tokens"][-1]
    return 1 if np.isnan(tokens) or step == 0 else max(1, round(tokens / step))
