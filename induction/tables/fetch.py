"""Table of stage `fetch`."""

from induction.tables.columns import STEP, int64, text
from induction.tables.contract import Table

FETCHED = Table(
    "checkpoints",
    "the checkpoints of a suite: where each came from, and what it is",
    (STEP,),
    (
        int64("tokens", "training tokens up to it; null where nothing says", nullable=True),
        text("commit", "of the hub's repository; empty for files of this machine"),
        text("sha256", "hash of all tensors, by name"),
        text("dtype", "type in which the weights are stored; all is computed in fp32"),
        text("licence", "as the hub's model card names it; empty if nothing does"),
    ),
)
