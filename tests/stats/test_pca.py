"""Joint PCA against a worked example."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from induction.stats.pca import joint_pca


def test_worked_example():
    """Two models move along (3, 4)/5 and along (4, -3)/5: those are the components, the longer
    path first, and the shares are the variances along them."""
    along, across = np.array([3, 4]) / 5, np.array([4, -3]) / 5
    first = np.outer([-2.0, 0.0, 2.0, 6.0, -6.0], along)
    second = np.outer([-1.0, 1.0, 3.0, -3.0], across)
    scores, shares = joint_pca(np.concatenate([first, second]).astype(np.float32), 2)
    np.testing.assert_allclose(np.abs(scores[:5, 0]), [2, 0, 2, 6, 6], atol=1e-5)
    np.testing.assert_allclose(scores[:5, 1], 0, atol=1e-5)
    np.testing.assert_allclose(np.abs(scores[5:, 1]), [1, 1, 3, 3], atol=1e-5)
    np.testing.assert_allclose(shares, [80 / 100, 20 / 100], atol=1e-6)


def test_the_largest_coordinate_of_each_component_is_positive():
    rng = np.random.default_rng(0)
    for _ in range(5):
        scores, _ = joint_pca(rng.normal(size=(30, 8)).astype(np.float32), 3)
        largest = scores[np.abs(scores).argmax(0), range(3)]
        assert (largest > 0).all()


def test_it_is_scikit_learn_s_but_for_signs():
    vectors = np.random.default_rng(0).normal(size=(30, 200)).astype(np.float32)
    scores, shares = joint_pca(vectors, 2)
    theirs = PCA(2, svd_solver="full").fit(vectors.astype(np.float64))
    np.testing.assert_allclose(np.abs(scores), np.abs(theirs.transform(vectors)), atol=1e-10)
    np.testing.assert_allclose(shares, theirs.explained_variance_ratio_, atol=1e-12)


def test_rows_are_centred_together_not_each_model_apart():
    """Two clouds that differ by a shift alone: the shift is the first component."""
    rng = np.random.default_rng(0)
    cloud = 0.01 * rng.normal(size=(10, 4))
    scores, shares = joint_pca(np.concatenate([cloud, cloud + 5]).astype(np.float32), 2)
    assert shares[0] > 0.99
    assert np.abs(scores[:10, 0].mean() - scores[10:, 0].mean()) == pytest.approx(10, rel=0.01)
