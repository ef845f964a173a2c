"""Bootstrap resamples of sequences, as weights that SQL can join."""

import numpy as np
import pyarrow as pa


def draws(n_seq: int, n_draws: int, seed: int) -> pa.Table:
    """(draw, seq, weight): how often `seq` occurs in resample `draw` of n_seq sequences.

    Rows with weight 0 are left out: a third of the table.
    """
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n_seq, np.full(n_seq, 1 / n_seq), size=n_draws)
    draw, seq = np.nonzero(weights)
    return pa.table(
        {
            "draw": draw.astype(np.int32),
            "seq": seq.astype(np.int16),
            "weight": weights[draw, seq].astype(np.int32),
        }
    )


def tails(interval: float) -> dict[str, float]:
    """The quantiles that cut an equal-tailed interval, named as the SQL files bind them."""
    return {"low": (1 - interval) / 2, "high": (1 + interval) / 2}
