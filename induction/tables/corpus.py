"""Tables of stage `corpus`."""

import pyarrow as pa

from induction.tables.contract import Column, Table

EVAL = Table(
    "eval",
    "the fixed evaluation set: one window of a held-out document per sequence",
    ("seq", "pos"),
    (
        Column("seq", pa.int16(), "sequence of the evaluation set"),
        Column("pos", pa.int16(), "position in the sequence, from 0"),
        Column("token", pa.uint16(), "token id"),
    ),
)

EVAL_SEQUENCES = Table(
    "eval_sequences",
    "where each evaluation sequence comes from, and the one position that stands for it in PCA",
    ("seq",),
    (
        Column("seq", pa.int16(), "sequence of the evaluation set"),
        Column("document", pa.int32(), "held-out document, see documents"),
        Column("start", pa.int32(), "first token of the window within the document"),
        Column("sampled_pos", pa.int16(), "position drawn once for this sequence"),
    ),
)

DOCUMENTS = Table(
    "documents",
    "every document of the corpus, in stream order",
    ("document",),
    (
        Column("document", pa.int32(), "document number"),
        Column("name", pa.string(), "path within its package or folder"),
        Column("sha256", pa.string(), "hash of the text"),
        Column("characters", pa.int32(), "length of the text in characters"),
        Column("tokens", pa.int32(), "length of the text in tokens"),
        Column("is_held_out", pa.bool_(), "kept for evaluation, never trained on"),
    ),
)

VOCABULARY = Table(
    "vocabulary",
    "the tokenizer's vocabulary with its counts in the training stream",
    ("token",),
    (
        Column("token", pa.uint16(), "token id; 0 is end-of-text"),
        Column("text", pa.string(), "what the token spells, in the byte-level alphabet"),
        Column("count", pa.int64(), "occurrences in the training stream"),
    ),
)
