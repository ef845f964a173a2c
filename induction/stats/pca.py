"""Joint PCA of loss vectors (Olsson et al. 2022, Per-Token Loss Analysis)."""

import numpy as np
from jaxtyping import Float


def joint_pca(
    vectors: Float[np.ndarray, "row seq"], components: int
) -> tuple[Float[np.ndarray, "row component"], Float[np.ndarray, "component"]]:
    """Coordinates of every row in the first components, and their shares of the variance.

    Rows are the loss vectors of all checkpoints of all cells, centred together, not scaled: a
    token whose loss moves by nats counts for more than one that hardly moves. Each component's
    sign, which PCA leaves open, is set so that the largest coordinate is positive.
    """
    centred = vectors.astype(np.float64)
    centred -= centred.mean(0)
    U, s, _ = np.linalg.svd(centred, full_matrices=False)
    scores, shares = (U * s)[:, :components], (s**2 / (s**2).sum())[:components]
    largest = scores[np.abs(scores).argmax(axis=0), np.arange(components)]
    return scores * np.where(largest < 0, -1.0, 1.0), shares
