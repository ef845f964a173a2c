"""Skip-trigrams: every triple of a small vocabulary, counts by loops, a bug made on purpose."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from induction.interp.circuits import token_circuits, trigrams
from induction.interp.circuits.token_circuits import Factored
from induction.interp.circuits.trigrams import Counts, Sources, bugs, counted, largest, sources

CONTEXT = 20


def whole(matrix):
    return matrix.left @ matrix.right.T


@pytest.mark.parametrize("block", [7, 1 << 20])
def test_effects_against_every_triple(monkeypatch, block):
    monkeypatch.setattr(token_circuits, "BLOCK", block)
    rng = torch.Generator().manual_seed(0)
    qk, ov = (Factored(*torch.randn(2, 9, 4, generator=rng, dtype=torch.float64)) for _ in range(2))
    weight = torch.rand(9, generator=rng, dtype=torch.float64)
    chosen = torch.tensor([1, 2, 3, 5, 6, 8])
    best = sources(qk, ov, weight, chosen, CONTEXT, 6)
    scores, share = whole(qk).exp(), weight / weight.sum()
    attention = scores / (scores + (CONTEXT - 1) * (scores * share).sum(1, keepdim=True))
    raises = whole(ov) - (share[:, None] * whole(ov)).sum(0)
    effects = best.effects()
    for source in range(9):
        assert set(best.destinations[source]) == set(best.outs[source]) == set(chosen.tolist())
        assert (np.diff(best.attention[source]) <= 0).all()
        assert (np.diff(best.raises[source]) <= 0).all()
        for i, d in enumerate(best.destinations[source]):
            for j, o in enumerate(best.outs[source]):
                wanted = attention[d, source] * raises[source, o]
                assert effects[source, i, j] == pytest.approx(wanted.item(), rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=3, max_size=40), st.integers(1, 6))
def test_counts_against_loops(row, context):
    counts = Counts(np.array(row, np.uint16), 4, context)
    for source in range(4):
        for destination in range(4):
            here, anywhere = np.zeros(4, int), np.zeros(4, int)
            for i in range(len(row) - 1):
                if row[i] == destination:
                    anywhere[row[i + 1]] += 1
                    here[row[i + 1]] += source in row[max(0, i - context) : i]
            got = counts.after(source, destination)
            assert got[0].tolist() == here.tolist() and got[1].tolist() == anywhere.tolist()


# keep 1, in 2, mind 3, at 4, bay 5, filler 6, mother 7
WORDS = ["", "keep", "in", "mind", "at", "bay", "x", "mother"]


@pytest.fixture
def counts():
    sentences = [[1, 6, 2, 3, 6], [1, 6, 6, 4, 5, 6], *2 * [[6, 2, 7, 6], [6, 4, 7, 6]]]
    rng = np.random.default_rng(0)
    text = []
    for i in rng.integers(0, 6, 600):
        text += sentences[i] + [6] * 5
    return Counts(np.array(text, np.uint16), 8, 4)


@pytest.fixture
def candidates():
    """Source 1 is attended to from 2 and from 4, and raises 3 and 5: four skip-trigrams."""
    n = 8
    destinations, outs = (np.tile(ids, (n, 1)) for ids in ([2, 4], [3, 5]))
    attention, raises = np.zeros((n, 2)), np.zeros((n, 2))
    attention[1], raises[1] = [0.5, 0.4], [3.0, 2.0]
    return Sources(destinations, attention, outs, raises)


def test_the_largest_skip_trigram_is_one_that_the_text_has(candidates, counts):
    best = largest(counted(candidates, counts, 3), 3, 5)
    assert [trigram[:3] for trigram in best] == [(1, 2, 3)]
    assert best[0].effect == pytest.approx(1.5)
    assert best[0].seen > 50 and best[0].lift > np.log(2)
    example = counts.example(best[0], lambda ids: " ".join(WORDS[i] for i in ids))
    assert example == "keepxin mind"


def test_keep_in_bay_is_a_bug(candidates, counts):
    (bug, *more) = bugs(counted(candidates, counts, 3), 3, 5)
    assert more == []
    halves = {bug.first[:3], bug.second[:3]}
    assert halves == {(1, 2, 3), (1, 4, 5)}
    # keep … at -> mind, 0.4 × 3, is lifted more than keep … in -> bay, 0.5 × 2.
    assert bug.forced[:3] == (1, 4, 3)
    assert bug.forced.seen == 0 and bug.forced.effect == pytest.approx(1.2)


def test_what_the_text_has_rarely_but_for_the_source_is_no_bug(candidates, counts):
    """keep … at -> mind three times, and never without keep: too rare to hold, too likely to be
    forced; the other mixed one remains."""
    text = np.concatenate([counts.tokens, [1, 6, 6, 4, 3, *[6] * 5] * 3]).astype(np.uint16)
    (bug,) = bugs(counted(candidates, Counts(text, 8, 4), 3), 3, 5)
    assert bug.forced[:3] == (1, 2, 5)


def test_no_bug_where_the_text_has_both(candidates):
    row = np.array(
        [1, 2, 3, 1, 4, 5, 1, 4, 3, 1, 2, 5, *[6] * 9, *2 * [2, 7, 4, 7, 2, 6, 4, 6]] * 50
    )
    counts = Counts(row.astype(np.uint16), 8, 4)
    assert bugs(counted(candidates, counts, 3), 3, 5) == []
    assert largest(counted(candidates, counts, 3), 3, 5)[0].seen == 50


def test_examples_are_cut_in_the_middle():
    text = [1, *[6] * 30, 2, 3]
    counts = Counts(np.array(text, np.uint16), 8, 40)
    one = trigrams.Trigram(1, 2, 3, 1.0, 1, 1, 1.0)
    shown = counts.example(one, lambda ids: "".join(f" {WORDS[i]}" for i in ids))
    assert shown == "keep" + 6 * " x" + " …" + 6 * " x" + " in mind"
    assert counts.example(one._replace(out=5), str) == ""
