"""Joint PCA of loss vectors (Olsson et al. 2022, Per-Token Loss Analysis)."""

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA


def joint_pca(
    vectors: Float[np.ndarray, "row seq"], components: int
) -> tuple[Float[np.ndarray, "row component"], Float[np.ndarray, "component"]]:
    """Coordinates of every row in the first components, and their shares of the variance.

    Rows are the loss vectors of all checkpoints of all cells, centred together, not scaled: a
    token whose loss moves by nats counts for more than one that hardly moves. Each component's
    sign, which PCA leaves open, is set so that the largest coordinate is positive.
    """
    pca = PCA(n_components=components, svd_solver="full")
    scores = pca.fit_transform(vectors.astype(np.float64))
    largest = scores[np.abs(scores).argmax(axis=0), np.arange(components)]
    return scores * np.where(largest < 0, -1.0, 1.0), pca.explained_variance_ratio_
