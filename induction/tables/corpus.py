"""Tables of stage `corpus`."""

from induction.tables.columns import SEQ, flag, int16, int32, int64, text, uint32
from induction.tables.contract import Table

EVAL = Table(
    "eval",
    "the fixed evaluation set: one window of a held-out document per sequence",
    (SEQ, int16("pos", "position in the sequence, from 0")),
    (uint32("token", "token id"),),
)

EVAL_SEQUENCES = Table(
    "eval_sequences",
    "where each evaluation sequence comes from, and the one position that stands for it in PCA",
    (SEQ,),
    (
        int32("document", "held-out document, see documents"),
        int32("start", "first token of the window within the document"),
        int16("sampled_pos", "position drawn once for this sequence"),
    ),
)

DOCUMENTS = Table(
    "documents",
    "every document of the corpus, in stream order",
    (int32("document", "document number"),),
    (
        text("name", "path within its package or folder"),
        text("sha256", "hash of the text"),
        int32("characters", "length of the text in characters"),
        int32("tokens", "length of the text in tokens"),
        flag("is_held_out", "kept for evaluation, never trained on"),
    ),
)

VOCABULARY = Table(
    "vocabulary",
    "the tokenizer's vocabulary with its counts in the text that is not held out",
    (uint32("token", "token id; 0 is end-of-text, but for suites"),),
    (
        text("text", "what the token spells, in the byte-level alphabet"),
        int64("count", "occurrences in that text, on which models of ours are trained"),
    ),
)
