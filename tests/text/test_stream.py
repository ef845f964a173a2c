"""The training stream."""

import numpy as np

from induction.text.stream import join_documents


def test_stream_separates_documents():
    parts = [np.array([5, 6], np.uint16), np.array([7], np.uint16)]
    assert join_documents(parts).tolist() == [0, 5, 6, 0, 7]
