"""Table of stage `fetch`."""

from induction.tables.columns import STEP, float64, int32, text
from induction.tables.contract import Table

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
