"""Every table of the study: which stage makes it, and where it lies."""

from dataclasses import dataclass

from induction.tables import (
    ablations,
    circuits,
    claims,
    corpus,
    heads,
    icl,
    interventions,
    losses,
    pca,
    phases,
    train,
)
from induction.tables.contract import Table


@dataclass(frozen=True)
class Entry:
    """`path` is relative to data/; `{cell}`, `{grid}` or `{corpus}` stands in it for each of them.

    The default study's grid and corpus have no name, and no folder of their own.
    """

    table: Table
    stage: str
    path: str

    @property
    def per(self) -> str:
        return self.path.partition("{")[2].partition("}")[0]


CATALOG = (
    Entry(corpus.DOCUMENTS, "corpus", "corpus/{corpus}/documents.parquet"),
    Entry(corpus.VOCABULARY, "corpus", "corpus/{corpus}/vocabulary.parquet"),
    Entry(corpus.EVAL, "corpus", "corpus/{corpus}/eval.parquet"),
    Entry(corpus.EVAL_SEQUENCES, "corpus", "corpus/{corpus}/eval_sequences.parquet"),
    Entry(train.LOG, "train", "train/{cell}/log.parquet"),
    Entry(losses.LOSSES, "losses", "losses/{cell}.parquet"),
    Entry(icl.ICL, "icl", "icl/{cell}/icl.parquet"),
    Entry(icl.POSITIONS, "icl", "icl/{cell}/positions.parquet"),
    Entry(icl.SAMPLED, "icl", "icl/{cell}/sampled.parquet"),
    Entry(pca.PCA, "pca", "pca/{grid}/pca.parquet"),
    Entry(heads.HEADS, "heads", "heads/{cell}/heads.parquet"),
    Entry(heads.COMPOSITIONS, "heads", "heads/{cell}/compositions.parquet"),
    Entry(heads.PROBES, "heads", "heads/{cell}/probes.parquet"),
    Entry(heads.REPEATS, "heads", "heads/{cell}/repeats.parquet"),
    Entry(ablations.ABLATIONS, "ablations", "ablations/{cell}.parquet"),
    Entry(
        interventions.INTERVENTIONS, "interventions", "interventions/{cell}/interventions.parquet"
    ),
    Entry(
        interventions.INTERVENTION_HEADS,
        "interventions",
        "interventions/{cell}/intervention_heads.parquet",
    ),
    *(Entry(own, "circuits", f"circuits/{{cell}}/{own.name}.parquet") for own in circuits.ALL),
    Entry(phases.CURVES, "phases", "phases/{grid}/curves.parquet"),
    Entry(phases.PHASES, "phases", "phases/{grid}/phases.parquet"),
    Entry(phases.WINDOWS, "phases", "phases/{grid}/windows.parquet"),
    Entry(phases.OVERLAPS, "phases", "phases/{grid}/overlaps.parquet"),
    Entry(claims.CLAIMS, "claims", "claims/{grid}/claims.parquet"),
    Entry(claims.EVIDENCE, "claims", "claims/{grid}/evidence.parquet"),
)
