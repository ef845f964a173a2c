"""Tables of stage `heads`."""

import pyarrow as pa

from induction.tables.contract import Column, Table

_HEAD = (
    Column("step", pa.int32(), "optimiser steps done"),
    Column("layer", pa.int16(), "layer, from 0"),
    Column("head", pa.int16(), "head of the layer, from 0"),
)
SEQUENCE_SCORES = (
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
)
# Computed in `induction.interp.head_scores`, which has an entry for each.
SCORES = (
    *SEQUENCE_SCORES,
    Column(
        "same_token",
        pa.float32(),
        "attention, summed over the earlier occurrences themselves; the -1 control",
    ),
    Column("previous_token", pa.float32(), "attention to the previous token on held-out text"),
    Column(
        "first_token",
        pa.float32(),
        "attention to the first token where nothing matches; first of the repeated blocks",
    ),
    Column(
        "copying",
        pa.float32(),
        "-1 … 1; share of the logits raised in a random sample that goes to the attended token",
    ),
    Column(
        "ov_positivity",
        pa.float32(),
        "-1 … 1; sum(l)/sum|l| over the eigenvalues of the OV circuit from token to token",
    ),
    Column(
        "qk_trace",
        pa.float32(),
        "trace of the previous-token term of the QK circuit; null in layer 0",
        nullable=True,
    ),
    Column(
        "qk_positivity",
        pa.float32(),
        "-1 … 1; sum(l)/sum|l| over the eigenvalues of the same term; null in layer 0",
        nullable=True,
    ),
    Column(
        "smear_gate",
        pa.float32(),
        "share of its own key that a position keeps; null where keys are not smeared",
        nullable=True,
    ),
)

HEADS = Table(
    "heads",
    "what each head is, by its attention and by its weights, at every checkpoint",
    ("step", "layer", "head"),
    (
        *_HEAD,
        *SCORES,
        Column("kind", pa.string(), "induction, previous_token, positional or other: heads.kinds"),
    ),
)


def _composition(reads: str) -> tuple[Column, Column, Column]:
    name = reads.lower()
    return (
        Column(
            name,
            pa.float32(),
            f"0 … 1; {reads}-composition: share of what the earlier head writes that is read",
        ),
        Column(
            f"{name}_random",
            pa.float32(),
            "the same, mean over random orientations of the two circuits",
        ),
        Column(f"{name}_high", pa.float32(), "the same, quantile heads.chance.quantile of them"),
    )


COMPOSITIONS = Table(
    "compositions",
    "how much every head reads of what each head of an earlier layer writes, by their weights",
    ("step", "layer", "head", "from_layer", "from_head"),
    (
        *_HEAD,
        Column("from_layer", pa.int16(), "earlier layer, from 0"),
        Column("from_head", pa.int16(), "head of the earlier layer, from 0"),
        *_composition("Q"),
        *_composition("K"),
        *_composition("V"),
    ),
    may_be_empty=True,
)

PROBES = Table(
    "probes",
    "prefix matching on every probe; the scores of table heads are the means of these",
    ("step", "layer", "head", "seq"),
    (*_HEAD, Column("seq", pa.int16(), "random probe, from 0"), *SEQUENCE_SCORES),
)

REPEATS = Table(
    "repeats",
    "the loss of a random block each time it comes round",
    ("step", "probe", "block", "seq", "repeat"),
    (
        Column("step", pa.int32(), "optimiser steps done"),
        Column("probe", pa.string(), "fixed (one repeat after another) or gap (random gaps)"),
        Column("block", pa.int16(), "tokens of the block"),
        Column("seq", pa.int16(), "random probe, from 0"),
        Column("repeat", pa.int16(), "which time the block comes, from 0"),
        Column("loss", pa.float32(), "nats; mean over the block's tokens but the first"),
    ),
)
