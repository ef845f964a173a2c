"""Evaluation windows: where in the held-out documents the evaluation set lies."""

from typing import NamedTuple

import numpy as np


class EvaluationWindow(NamedTuple):
    """n_ctx tokens of one held-out document, from token `start` on."""

    document: int
    start: int


def evaluation_windows(
    lengths: list[int], n_ctx: int, count: int, rng: np.random.Generator
) -> list[EvaluationWindow]:
    """Up to `count` windows of n_ctx tokens in documents of these `lengths`; none overlap.

    Every window lies inside one document at a random offset: windows that start at the top of a
    file measure licence headers. Each document gives its first window before any gives a second,
    so that the windows come from as many documents as possible. Fewer than `count` are returned
    where the documents have no room for more.
    """
    starts = []
    for length in lengths:
        room = length - n_ctx
        if room < 0:
            starts.append([])
            continue
        offset = int(rng.integers(0, min(room, n_ctx - 1) + 1))
        starts.append(list(rng.permutation(np.arange(offset, room + 1, n_ctx))))
    windows = []
    for turn in range(max(map(len, starts), default=0)):
        documents = [i for i, document_starts in enumerate(starts) if len(document_starts) > turn]
        for document in rng.permutation(documents):
            windows.append(EvaluationWindow(int(document), int(starts[document][turn])))
    return windows[:count]
