"""How many rows each table must have."""

from induction.claims.registry import DEFINITIONS
from induction.config.study import Study
from induction.interp.interventions import PATTERNS, SETS
from induction.stats.change_points import ESTIMATORS
from induction.stats.signals import SIGNALS

OF_GRIDS = ("pca", "phases", "phases_curves", "phases_windows", "phases_overlaps")
OF_GRIDS += ("phases_date_draws", "phases_window_draws")
OF_GRIDS += ("claims", "claims_by_family", "evidence")
PROBES = ("fixed", "gap")


def row_count(study: Study, table: str, instance: str, documents: dict[str, int]) -> int | None:
    """Of a table, by its name and its cell, corpus or grid; None where that depends on results.

    `documents` is what the manifests of the corpora say that could be read.
    """
    n_seq, length = study.corpus.evaluation.sequences, study.corpus.evaluation.tokens
    is_suite = instance in study.suites
    if table in ("documents", "vocabulary", "eval", "eval_sequences"):
        return {
            "documents": documents.get(instance),
            "vocabulary": None if is_suite else study.corpus.vocab_size,
            "eval": n_seq * length,
            "eval_sequences": n_seq,
        }[table]
    if instance in study.cells and study.suite_of(instance):
        return None  # how many checkpoints there are, and how many heads, was found out
    # The cells of a grid are trained for as long.
    cell = study.grids()[instance][0] if table in OF_GRIDS else instance
    steps = study.trained_as(cell).schedule(study.corpus.n_ctx)
    if table in OF_GRIDS:
        grid, compared = study.grids()[instance], study.comparable(instance)
        return {
            "pca": len(compared) * len(steps) * study.pca.components,
            "phases": len(grid) * len(SIGNALS) * len(ESTIMATORS),
            "phases_windows": len(grid),
            "phases_window_draws": len(grid) * (1 + study.icl.bootstrap_draws),
            "claims": len(DEFINITIONS),
        }.get(table)
    model = study.models[study.every_cell[instance].model]
    heads = model.n_layers * model.n_heads
    interventions = 1 + 2 * len(SETS) + len(PATTERNS)
    blocks = len(study.heads.lengths) * study.heads.sequences * study.heads.repeats
    pairs = model.n_heads**2 * model.n_layers * (model.n_layers - 1) // 2
    return {
        "log": steps[-1],
        "losses": len(steps) * n_seq * (length - 1),
        "losses_short": len(steps) * n_seq * study.icl.windows.length,
        "icl": len(steps),
        "icl_positions": len(steps) * (length - 1),
        "icl_sampled": len(steps) * n_seq,
        "heads": len(steps) * heads,
        "compositions": len(steps) * pairs,
        "probes": len(steps) * heads * study.heads.sequences,
        "repeats": len(steps) * len(PROBES) * blocks,
        "ablations": len(steps) * study.ablations.rows(heads),
        "intervention_heads": -(-len(steps) // study.interventions.every) * interventions,
    }.get(table)
