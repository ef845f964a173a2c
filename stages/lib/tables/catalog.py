"""Every table of the study: which stage makes it, and where it lies."""

from dataclasses import dataclass

from stages.lib.tables import ablations, corpus, heads, icl, losses, pca, train
from stages.lib.tables.contract import Table


@dataclass(frozen=True)
class Entry:
    """`path` is relative to data/; `{cell}` in it stands for every cell of the grid."""

    table: Table
    stage: str
    path: str

    @property
    def is_per_cell(self) -> bool:
        return "{cell}" in self.path


CATALOG = (
    Entry(corpus.DOCUMENTS, "corpus", "corpus/documents.parquet"),
    Entry(corpus.VOCABULARY, "corpus", "corpus/vocabulary.parquet"),
    Entry(corpus.EVAL, "corpus", "corpus/eval.parquet"),
    Entry(corpus.EVAL_SEQUENCES, "corpus", "corpus/eval_sequences.parquet"),
    Entry(train.LOG, "train", "train/{cell}/log.parquet"),
    Entry(losses.LOSSES, "losses", "losses/{cell}.parquet"),
    Entry(icl.ICL, "icl", "icl/{cell}/icl.parquet"),
    Entry(icl.POSITIONS, "icl", "icl/{cell}/positions.parquet"),
    Entry(icl.SAMPLED, "icl", "icl/{cell}/sampled.parquet"),
    Entry(pca.PCA, "pca", "pca/pca.parquet"),
    Entry(heads.HEADS, "heads", "heads/{cell}.parquet"),
    Entry(ablations.ABLATIONS, "ablations", "ablations/{cell}.parquet"),
)
