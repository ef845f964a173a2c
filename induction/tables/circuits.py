"""Tables of stage `circuits`."""

from induction.tables.columns import (
    HEAD_KEY,
    SEQ,
    STEP,
    WINDOW_LOSSES,
    flag,
    float32,
    int16,
    int32,
    text,
    uint8,
)
from induction.tables.contract import Column, Table

_SENDER = (
    int16("from_layer", "layer of the sender; -1 for the smeared key"),
    int16("from_head", "head that sends; -1 for the smeared key"),
)
_SPAN = text(
    "span",
    "text, text_early, text_late (icl.windows), random_first or random_again (a block's repeats)",
)


def _token(name: str, what: str) -> Column:
    return text(name, f"{what}, in the byte-level alphabet")


READINGS = Table(
    "readings",
    "the checkpoints whose weights are read, and the circuit of each",
    (STEP,),
    (
        text("at", "first, start, middle, end (of the window), last; or 25 % …"),
        float32(
            "sum_error", "logits; largest difference between the parts' sum and the model's logits"
        ),
        text("circuit", "its edges, like 'L0H0>L1H3'; 'smear>' for smeared keys"),
        text("reason", "why there is none; '' where there is"),
    ),
)

ATTRIBUTION = Table(
    "attribution",
    "what every part of the residual stream gives the logits",
    (
        STEP,
        _SPAN,
        int16("layer", "layer, from 0; -1 before the layers, their number after"),
        text("part", "embed, pos, h0 …, mlp, or bias (of the last LayerNorm)"),
    ),
    (
        float32("logit", "nats; to the right token's logit, above the mean logit"),
        float32(
            "difference",
            "nats; to the right token's logit minus that of the model's likeliest wrong one",
        ),
    ),
)

LENS = Table(
    "lens",
    "the logit lens: predictions of the residual stream after each layer",
    (STEP, _SPAN, int16("after", "layers run: 0 for the embeddings alone")),
    (
        float32("loss", "nats"),
        float32("accuracy", "share of right tokens that are likeliest"),
        float32("kl", "nats; of the whole model's prediction from this one"),
    ),
)

DIRECT_PATH = Table(
    "direct_path",
    "the direct path W_E W_U against the bigrams of the training text",
    (STEP,),
    (
        float32("kl", "nats; of the bigrams from the direct path, mean over tokens"),
        float32("kl_unigram", "nats; of the bigrams from the unigrams"),
        float32("rank_correlation", "Spearman's, over tokens that follow a source"),
        float32("same_first", "share of tokens after which both expect the same next"),
        text("inexact", "what makes it not exact; '' if nothing does"),
    ),
)

DIRECT_TOKENS = Table(
    "direct_tokens",
    "the likeliest next tokens of the direct path and of the text, for the most common tokens",
    (
        STEP,
        int16("row", "source, most common first"),
        int16("place", "next token, likeliest first"),
    ),
    (
        _token("source", "the token before"),
        _token("out", "next token, by the direct path"),
        float32("probability", "of it, by the direct path"),
        float32("in_text", "share of it in the text, after the source"),
        _token("text_out", "next token, by the text"),
        float32("text_share", "share of that"),
    ),
)

HEAD_CIRCUITS = Table(
    "head_circuits",
    "the token and position circuits of every head, by its weights alone",
    HEAD_KEY,
    (
        float32("ov_rank", "effective rank of W_E W_OV W_U, at most d_head"),
        float32("ov_diagonal", "share of sources that raise themselves most"),
        float32("ov_above", "mean share of tokens raised more; 0.5 by chance"),
        float32("qk_rank", "effective rank of W_E W_QK W_E^T, rows centred"),
        float32("qk_diagonal", "share of destinations that attend to themselves most"),
        float32("qk_above", "mean share of tokens attended to more; 0.5 by chance"),
        float32("by_position", "attention to the previous token by pos W_QK pos^T"),
        float32("previous_token", "the same, measured on held-out text"),
        text("inexact", "what makes the token circuits not exact; '' if nothing"),
        text("inexact_position", "the same of the position circuit"),
    ),
)

ENTRIES = Table(
    "entries",
    "the largest entries of the token circuits",
    (
        *HEAD_KEY,
        text("circuit", "ov (source -> out) or qk (destination -> source)"),
        int16("row", "by its largest entry, largest first"),
        int16("place", "largest entries of the row, largest first"),
    ),
    (
        _token("token", "source of ov, destination of qk"),
        _token("other", "out of ov, source of qk"),
        float32("value", "nats; ov: above the mean logit, qk: above the mean key"),
    ),
)

EIGENVALUES = Table(
    "eigenvalues",
    "eigenvalues of every head's OV circuit from token to token, W_E W_OV W_U",
    (*HEAD_KEY, int16("index", "by absolute value, largest first")),
    (
        float32("re", "real part, of the largest absolute value"),
        float32("im", "imaginary part, of the largest absolute value"),
    ),
)

OFFSETS = Table(
    "offsets",
    "attention by distance: of the position circuit, and measured on held-out text",
    (*HEAD_KEY, int16("offset", "positions back")),
    (
        float32("by_position", "mean attention there by pos W_QK pos^T alone"),
        float32("measured", "mean attention there on text"),
    ),
)

_TRIGRAM = (
    _token("source", "earlier token"),
    _token("destination", "current token"),
    _token("out", "next token"),
    float32("effect", "nats; attention by the QK circuit × raise by the OV circuit"),
    int32("seen", "occurrences in circuits.counted tokens of training text"),
    int32("pairs", "destinations there with the source within circuits.context"),
    float32("lift", "ln of how much likelier the out is with the source than at all"),
)

SKIP_TRIGRAMS = Table(
    "skip_trigrams",
    "source … destination -> out: the largest that the text has, of heads of one-layer models",
    (*HEAD_KEY, int16("row", "by effect, largest first; each source once")),
    (*_TRIGRAM, text("example", "the first occurrence: … stands for what is between")),
    may_be_empty=True,
)

SKIP_TRIGRAM_BUGS = Table(
    "skip_trigram_bugs",
    "two skip-trigrams of one source that the text has, and the one they force and it has not",
    (
        *HEAD_KEY,
        int16("row", "by the effect of the forced one, largest first"),
        text("role", "first, forced (destination of the first, out of the second) or second"),
    ),
    _TRIGRAM,
    may_be_empty=True,
)

EDGES = Table(
    "edges",
    "every edge into a later head's keys, with the evidence that it is an induction circuit",
    (*HEAD_KEY, *_SENDER),
    (
        float32("k_diagonal", "share of K circuit rows with maximum on diagonal"),
        float32("k_above", "mean share of a row above the diagonal; 0.5 by chance"),
        float32(
            "by_position",
            "sender's attention to the previous token by weights; of smeared keys, the share "
            "of the previous position",
        ),
        float32("previous_token", "the same, measured on held-out text"),
        float32("ov_positivity", "receiver's, -1 … 1: copying by eigenvalues"),
        float32("prefix_matching", "receiver's, on repeated random tokens"),
        float32("icl_lost", "nats of ICL that the model loses without the edge"),
        flag("is_circuit", "whether all of it meets circuits.rule and heads.kinds"),
    ),
    may_be_empty=True,
)

EDGE_ABLATIONS = Table(
    "edge_ablations",
    "losses without one edge; of the last checkpoint's circuit also into queries and values",
    (*HEAD_KEY, *_SENDER, text("receiver_input", "what the edge goes into: k, q or v"), SEQ),
    WINDOW_LOSSES,
    may_be_empty=True,
)

PATHS = Table(
    "paths",
    "losses without the last checkpoint's circuit, or with it and the direct path alone",
    (
        STEP,
        text("path", "circuit, direct (no head at all) or whole"),
        text("run", "cut (all but the path), kept (the path alone) or whole"),
        text("replacement", "what ablated parts write: mean or zero; none"),
        SEQ,
    ),
    WINDOW_LOSSES,
)

PATH_ORDERS = Table(
    "path_orders",
    "losses with paths through at most so many heads, attention patterns held",
    (STEP, int16("order", "heads in a row; 0 is the direct path"), SEQ),
    WINDOW_LOSSES,
)

_PROBE = text("probe", "random (repeated blocks) or text (an evaluation sequence)")

ATTENTION = Table(
    "attention",
    "attention patterns on a short probe",
    (
        STEP,
        _PROBE,
        *HEAD_KEY[1:],
        int16("query", "position that attends"),
        int16("key", "position attended to, at most the query"),
    ),
    (uint8("weight", "attention, in 255ths"),),
)

SHOWN = Table(
    "shown",
    "the tokens of the probes of table attention",
    (_PROBE, int16("pos", "position, from 0")),
    (_token("token", "token"),),
)

ALL = (
    READINGS, ATTRIBUTION, LENS, DIRECT_PATH, DIRECT_TOKENS, HEAD_CIRCUITS, ENTRIES, EIGENVALUES,
    OFFSETS, SKIP_TRIGRAMS, SKIP_TRIGRAM_BUGS, EDGES, EDGE_ABLATIONS, PATHS, PATH_ORDERS,
    ATTENTION, SHOWN,
)  # fmt: skip
