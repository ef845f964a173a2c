"""Bootstrap resamples of sequences, as rows that SQL can join and as weights."""

import numpy as np
import pyarrow as pa
from jaxtyping import Float


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


def resamples(n_seq: int, n_draws: int, seed: int) -> Float[np.ndarray, "draw seq"]:
    """How often each sequence counts: once in draw 0, then as in the n_draws of `draws`."""
    drawn = draws(n_seq, n_draws, seed)
    weights = np.zeros((1 + n_draws, n_seq))
    weights[0] = 1
    weights[1 + drawn["draw"].to_numpy(), drawn["seq"].to_numpy()] = drawn["weight"].to_numpy()
    return weights
