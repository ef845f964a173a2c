"""Tables of stage `heads`."""

from induction.tables.columns import HEAD_KEY, STEP, float32, int16, text
from induction.tables.contract import Column, Table

# Of each random probe; the others are of texts and of weights.
SEQUENCE_SCORES = (
    float32(
        "prefix_matching",
        "attention, summed over the tokens after earlier occurrences; repeated random block",
    ),
    float32(
        "prefix_matching_gap",
        "the same where random gaps separate the repeats, so that no fixed distance helps",
    ),
    float32(
        "same_token", "attention, summed over the earlier occurrences themselves; the -1 control"
    ),
    float32(
        "first_token",
        "attention to the first token where nothing matches; first of the repeated blocks",
    ),
)
# Computed in `induction.interp.head_scores`, which has an entry for each.
SCORES = (
    *SEQUENCE_SCORES,
    float32("previous_token", "attention to the previous token on held-out text"),
    float32(
        "copying",
        "-1 … 1; 4 a / (a + T) - 1: of the logits raised in a random sample, T, the attended "
        "token's are a; by chance near -0.87 with 25 tokens",
    ),
    float32(
        "copying_share",
        "-1 … 1; the same as a share of all, 2 a / T - 1; by chance -0.92 with 25 tokens",
    ),
    float32(
        "ov_positivity",
        "-1 … 1; sum(l)/sum|l| over the eigenvalues of the OV circuit from token to token",
    ),
    float32(
        "qk_trace",
        "trace of the previous-token term of the QK circuit; null in layer 0",
        nullable=True,
    ),
    float32(
        "qk_positivity",
        "-1 … 1; sum(l)/sum|l| over the eigenvalues of the same term; null in layer 0",
        nullable=True,
    ),
    float32(
        "smear_gate",
        "share of its own key that a position keeps; null where keys are not smeared",
        nullable=True,
    ),
)

HEADS = Table(
    "heads",
    "what each head is, by its attention and by its weights, at every checkpoint",
    HEAD_KEY,
    (*SCORES, text("kind", "induction, previous_token, positional or other: heads.kinds")),
)


def _composition(reads: str) -> tuple[Column, Column, Column]:
    name = reads.lower()
    return (
        float32(
            name, f"0 … 1; {reads}-composition: share of what the earlier head writes that is read"
        ),
        float32(f"{name}_random", "the same, mean over random orientations of the two circuits"),
        float32(f"{name}_high", "the same, quantile heads.chance.quantile of them"),
    )


COMPOSITIONS = Table(
    "compositions",
    "how much every head reads of what each head of an earlier layer writes, by their weights",
    (
        *HEAD_KEY,
        int16("from_layer", "earlier layer, from 0"),
        int16("from_head", "head of the earlier layer, from 0"),
    ),
    (*_composition("Q"), *_composition("K"), *_composition("V")),
    may_be_empty=True,
)

PROBES = Table(
    "probes",
    "the attention scores of every random probe; the scores of table heads are the means of these",
    (*HEAD_KEY, int16("seq", "random probe, from 0")),
    SEQUENCE_SCORES,
)

REPEATS = Table(
    "repeats",
    "the loss of a random block each time it comes round",
    (
        STEP,
        text("probe", "fixed (one repeat after another) or gap (random gaps)"),
        int16("block", "tokens of the block"),
        int16("seq", "random probe, from 0"),
        int16("repeat", "which time the block comes, from 0"),
    ),
    (float32("loss", "nats; mean over the block's tokens but the first"),),
)
