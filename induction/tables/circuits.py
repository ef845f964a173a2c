"""Tables of stage `circuits`."""

import pyarrow as pa

from induction.tables.contract import Column, Table

_STEP = Column("step", pa.int32(), "optimiser steps done")
_LAYER = Column("layer", pa.int16(), "layer, from 0")
_HEAD = Column("head", pa.int16(), "head of the layer, from 0")
_HEADS = (_STEP, _LAYER, _HEAD)
_SENDER = (
    Column("from_layer", pa.int16(), "layer of the sender; -1 for the smeared key"),
    Column("from_head", pa.int16(), "head that sends; -1 for the smeared key"),
)
_LOSSES = (
    Column("seq", pa.int16(), "sequence of the evaluation set"),
    Column("early", pa.float32(), "nats; mean loss in icl.windows.early"),
    Column("late", pa.float32(), "nats; mean loss in icl.windows.late"),
    Column("mean", pa.float32(), "nats; mean loss over all positions"),
)
_SPAN = Column(
    "span",
    pa.string(),
    "text, text_early, text_late (icl.windows), random_first or random_again (a block's repeats)",
)


def _token(name: str, what: str) -> Column:
    return Column(name, pa.string(), f"{what}, in the byte-level alphabet")


READINGS = Table(
    "readings",
    "the checkpoints whose weights are read, and the circuit of each",
    ("step",),
    (
        _STEP,
        Column("at", pa.string(), "first, start, middle, end (of the window), last; or 25 % …"),
        Column(
            "sum_error",
            pa.float32(),
            "logits; largest difference between the parts' sum and the model's logits",
        ),
        Column("circuit", pa.string(), "its edges, like 'L0H0>L1H3'; 'smear>' for smeared keys"),
        Column("reason", pa.string(), "why there is none; '' where there is"),
    ),
)

ATTRIBUTION = Table(
    "attribution",
    "what every part of the residual stream gives the logits",
    ("step", "span", "layer", "part"),
    (
        _STEP,
        _SPAN,
        Column("layer", pa.int16(), "layer, from 0; -1 before the layers, their number after"),
        Column("part", pa.string(), "embed, pos, h0 …, mlp, or bias (of the last LayerNorm)"),
        Column("logit", pa.float32(), "nats; to the right token's logit, above the mean logit"),
        Column(
            "difference",
            pa.float32(),
            "nats; to the right token's logit minus that of the model's likeliest wrong one",
        ),
    ),
)

LENS = Table(
    "lens",
    "the logit lens: predictions of the residual stream after each layer",
    ("step", "span", "after"),
    (
        _STEP,
        _SPAN,
        Column("after", pa.int16(), "layers run: 0 for the embeddings alone"),
        Column("loss", pa.float32(), "nats"),
        Column("accuracy", pa.float32(), "share of right tokens that are likeliest"),
        Column("kl", pa.float32(), "nats; of the whole model's prediction from this one"),
    ),
)

DIRECT_PATH = Table(
    "direct_path",
    "the direct path W_E W_U against the bigrams of the training text",
    ("step",),
    (
        _STEP,
        Column("kl", pa.float32(), "nats; of the bigrams from the direct path, mean over tokens"),
        Column("kl_unigram", pa.float32(), "nats; of the bigrams from the unigrams"),
        Column("rank_correlation", pa.float32(), "Spearman's, over tokens that follow a source"),
        Column("same_first", pa.float32(), "share of tokens after which both expect the same next"),
        Column("inexact", pa.string(), "what makes it not exact; '' if nothing does"),
    ),
)

DIRECT_TOKENS = Table(
    "direct_tokens",
    "the likeliest next tokens of the direct path and of the text, for the most common tokens",
    ("step", "row", "place"),
    (
        _STEP,
        Column("row", pa.int16(), "source, most common first"),
        Column("place", pa.int16(), "next token, likeliest first"),
        _token("source", "the token before"),
        _token("out", "next token, by the direct path"),
        Column("probability", pa.float32(), "of it, by the direct path"),
        Column("in_text", pa.float32(), "share of it in the text, after the source"),
        _token("text_out", "next token, by the text"),
        Column("text_share", pa.float32(), "share of that"),
    ),
)

HEAD_CIRCUITS = Table(
    "head_circuits",
    "the token and position circuits of every head, by its weights alone",
    ("step", "layer", "head"),
    (
        *_HEADS,
        Column("ov_rank", pa.float32(), "effective rank of W_E W_OV W_U, at most d_head"),
        Column("ov_diagonal", pa.float32(), "share of sources that raise themselves most"),
        Column("ov_above", pa.float32(), "mean share of tokens raised more; 0.5 by chance"),
        Column("qk_rank", pa.float32(), "effective rank of W_E W_QK W_E^T, rows centred"),
        Column("qk_diagonal", pa.float32(), "share of destinations that attend to themselves most"),
        Column("qk_above", pa.float32(), "mean share of tokens attended to more; 0.5 by chance"),
        Column("by_position", pa.float32(), "attention to the previous token by pos W_QK pos^T"),
        Column("previous_token", pa.float32(), "the same, measured on held-out text"),
        Column("inexact", pa.string(), "what makes the token circuits not exact; '' if nothing"),
        Column("inexact_position", pa.string(), "the same of the position circuit"),
    ),
)

ENTRIES = Table(
    "entries",
    "the largest entries of the token circuits",
    ("step", "layer", "head", "circuit", "row", "place"),
    (
        *_HEADS,
        Column("circuit", pa.string(), "ov (source -> out) or qk (destination -> source)"),
        Column("row", pa.int16(), "by its largest entry, largest first"),
        Column("place", pa.int16(), "largest entries of the row, largest first"),
        _token("token", "source of ov, destination of qk"),
        _token("other", "out of ov, source of qk"),
        Column("value", pa.float32(), "nats; ov: above the mean logit, qk: above the mean key"),
    ),
)

EIGENVALUES = Table(
    "eigenvalues",
    "eigenvalues of every head's OV circuit from token to token, W_E W_OV W_U",
    ("step", "layer", "head", "index"),
    (
        *_HEADS,
        Column("index", pa.int16(), "by absolute value, largest first"),
        Column("re", pa.float32(), "real part, of the largest absolute value"),
        Column("im", pa.float32(), "imaginary part, of the largest absolute value"),
    ),
)

OFFSETS = Table(
    "offsets",
    "attention by distance: of the position circuit, and measured on held-out text",
    ("step", "layer", "head", "offset"),
    (
        *_HEADS,
        Column("offset", pa.int16(), "positions back"),
        Column("by_position", pa.float32(), "mean attention there by pos W_QK pos^T alone"),
        Column("measured", pa.float32(), "mean attention there on text"),
    ),
)

_TRIGRAM = (
    _token("source", "earlier token"),
    _token("destination", "current token"),
    _token("out", "next token"),
    Column("effect", pa.float32(), "nats; attention by the QK circuit × raise by the OV circuit"),
    Column("seen", pa.int32(), "occurrences in circuits.counted tokens of training text"),
    Column("pairs", pa.int32(), "destinations there with the source within circuits.context"),
    Column("lift", pa.float32(), "ln of how much likelier the out is with the source than at all"),
)

SKIP_TRIGRAMS = Table(
    "skip_trigrams",
    "source … destination -> out: the largest that the text has, of heads of one-layer models",
    ("step", "layer", "head", "row"),
    (
        *_HEADS,
        Column("row", pa.int16(), "by effect, largest first; each source once"),
        *_TRIGRAM,
        Column("example", pa.string(), "the first occurrence: … stands for what is between"),
    ),
    may_be_empty=True,
)

SKIP_TRIGRAM_BUGS = Table(
    "skip_trigram_bugs",
    "two skip-trigrams of one source that the text has, and the one they force and it has not",
    ("step", "layer", "head", "row", "role"),
    (
        *_HEADS,
        Column("row", pa.int16(), "by the effect of the forced one, largest first"),
        Column("role", pa.string(), "first, forced (destination of the first, out of the second)"
               " or second"),
        *_TRIGRAM,
    ),
    may_be_empty=True,
)  # fmt: skip

EDGES = Table(
    "edges",
    "every edge into a later head's keys, with the evidence that it is an induction circuit",
    ("step", "layer", "head", "from_layer", "from_head"),
    (
        *_HEADS,
        *_SENDER,
        Column("k_diagonal", pa.float32(), "share of K circuit rows with maximum on diagonal"),
        Column("k_above", pa.float32(), "mean share of a row above the diagonal; 0.5 by chance"),
        Column("by_position", pa.float32(), "sender's attention to the previous token by weights; "
               "of smeared keys, the share of the previous position"),
        Column("previous_token", pa.float32(), "the same, measured on held-out text"),
        Column("ov_positivity", pa.float32(), "receiver's, -1 … 1: copying by eigenvalues"),
        Column("prefix_matching", pa.float32(), "receiver's, on repeated random tokens"),
        Column("icl_lost", pa.float32(), "nats of ICL that the model loses without the edge"),
        Column("is_circuit", pa.bool_(), "whether all of it meets circuits.rule and heads.kinds"),
    ),
    may_be_empty=True,
)  # fmt: skip

EDGE_ABLATIONS = Table(
    "edge_ablations",
    "losses without one edge; of the last checkpoint's circuit also into queries and values",
    ("step", "layer", "head", "from_layer", "from_head", "receiver_input", "seq"),
    (
        *_HEADS,
        *_SENDER,
        Column("receiver_input", pa.string(), "what the edge goes into: k, q or v"),
        *_LOSSES,
    ),
    may_be_empty=True,
)

PATHS = Table(
    "paths",
    "losses without the last checkpoint's circuit, or with it and the direct path alone",
    ("step", "path", "run", "replacement", "seq"),
    (
        _STEP,
        Column("path", pa.string(), "circuit, direct (no head at all) or whole"),
        Column("run", pa.string(), "cut (all but the path), kept (the path alone) or whole"),
        Column("replacement", pa.string(), "what ablated parts write: mean or zero; none"),
        *_LOSSES,
    ),
)

PATH_ORDERS = Table(
    "path_orders",
    "losses with paths through at most so many heads, attention patterns held",
    ("step", "order", "seq"),
    (_STEP, Column("order", pa.int16(), "heads in a row; 0 is the direct path"), *_LOSSES),
)

_PROBE = Column("probe", pa.string(), "random (repeated blocks) or text (an evaluation sequence)")

ATTENTION = Table(
    "attention",
    "attention patterns on a short probe",
    ("step", "probe", "layer", "head", "query", "key"),
    (
        _STEP,
        _PROBE,
        _LAYER,
        _HEAD,
        Column("query", pa.int16(), "position that attends"),
        Column("key", pa.int16(), "position attended to, at most the query"),
        Column("weight", pa.uint8(), "attention, in 255ths"),
    ),
)

SHOWN = Table(
    "shown",
    "the tokens of the probes of table attention",
    ("probe", "pos"),
    (_PROBE, Column("pos", pa.int16(), "position, from 0"), _token("token", "token")),
)

ALL = (
    READINGS, ATTRIBUTION, LENS, DIRECT_PATH, DIRECT_TOKENS, HEAD_CIRCUITS, ENTRIES, EIGENVALUES,
    OFFSETS, SKIP_TRIGRAMS, SKIP_TRIGRAM_BUGS, EDGES, EDGE_ABLATIONS, PATHS, PATH_ORDERS,
    ATTENTION, SHOWN,
)  # fmt: skip
