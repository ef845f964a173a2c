"""How many rows each table must have."""

from stages.settings.study import Study


def row_count(study: Study, table: str, cell: str, documents: int | None) -> int | None:
    """Of a table, by its name and cell (empty for one of all cells).

    `documents` is what the corpus's manifest says, None where there is none: then theirs is None.
    """
    steps = study.train.schedule(study.corpus.n_ctx)
    n_ctx, n_seq = study.corpus.n_ctx, study.corpus.evaluation.sequences
    if not cell:
        return {
            "documents": documents,
            "vocabulary": study.corpus.vocab_size,
            "eval": n_seq * n_ctx,
            "eval_sequences": n_seq,
            "pca": len(study.cells) * len(steps) * study.pca.components,
        }[table]
    model = study.models[study.cells[cell].model]
    heads = model.n_layers * model.n_heads
    ablated = 1 + heads * len(study.ablations.modes)
    return {
        "log": steps[-1],
        "losses": len(steps) * n_seq * (n_ctx - 1),
        "icl": len(steps),
        "icl_positions": len(steps) * (n_ctx - 1),
        "icl_sampled": len(steps) * n_seq,
        "heads": len(steps) * heads,
        "ablations": len(steps) * study.ablations.sequences * ablated,
    }[table]
