"""Table of stage `ablations`."""

from induction.tables.columns import SAMPLED_LOSS, SEQ, STEP, WINDOW_LOSSES, int16, text
from induction.tables.contract import Table

ABLATIONS = Table(
    "ablations",
    "losses without one head, per sequence; replacement and mode 'none', layer -1, head -1 is the "
    "whole model",
    (
        STEP,
        int16("layer", "layer of the ablated head, from 0; -1 for none"),
        int16("head", "ablated head of the layer, from 0; -1 for none"),
        text(
            "replacement",
            "what stands in for the head's output: zero, mean (its own over sequences and "
            "positions), resample (its own in the next sequence) or none; mean and resample on "
            "the first ablations.other_sequences only",
        ),
        text("mode", "full, pattern (patterns preserved) or none"),
        SEQ,
    ),
    (*WINDOW_LOSSES, SAMPLED_LOSS),
)
