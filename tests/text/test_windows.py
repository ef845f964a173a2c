"""Evaluation windows: inside their documents, apart, and spread over them."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from induction.text.windows import evaluation_windows


@settings(max_examples=200, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 200), max_size=12),
    n_ctx=st.integers(2, 40),
    count=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_windows_lie_inside_and_apart(lengths, n_ctx, count, seed):
    windows = evaluation_windows(lengths, n_ctx, count, np.random.default_rng(seed))
    assert len(windows) <= count
    for document, start in windows:
        assert 0 <= start <= lengths[document] - n_ctx
    for document in {document for document, _ in windows}:
        starts = sorted(start for other, start in windows if other == document)
        assert all(b - a >= n_ctx for a, b in pairwise(starts))
    # Every document that can give a window gives one before any gives two.
    able = sum(length >= n_ctx for length in lengths)
    assert len({document for document, _ in windows[:able]}) == min(able, count)


def test_windows_start_at_random_offsets():
    windows = evaluation_windows([10_000] * 50, 100, 50, np.random.default_rng(0))
    starts = [window.start for window in windows]
    assert min(starts) > 0 and len(set(starts)) > 40
