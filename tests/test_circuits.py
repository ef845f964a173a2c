"""Head scores: on hand-built circuits, and on patterns small enough to score by hand."""

import numpy as np
import pytest
import torch

from stages.lib.circuits import (
    after_same_token,
    attention_on,
    gapped_blocks,
    patterns,
    prefix_matching,
    previous_token,
    repeated_blocks,
    same_token,
    same_token_attention,
    usable_tokens,
)
from stages.lib.nll import token_nll
from tests.conftest import BLOCK, REPEATS, V, random_model

USABLE = np.arange(1, V)


@pytest.fixture
def probe():
    tokens = repeated_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS)
    return tokens, torch.ones_like(tokens, dtype=torch.bool)


def test_hand_built_circuit_is_read_as_built(induction_model, probe):
    first, second = patterns(induction_model, probe[0])
    assert previous_token(first)[0] > 0.99
    assert prefix_matching(second, *probe)[0] > 0.99
    assert same_token_attention(second, *probe)[0] < 0.01, "the -1 control"
    assert prefix_matching(first, *probe).max() < 0.35
    assert previous_token(second).max() < 0.35


def test_hand_built_smeared_circuit_needs_one_layer(smeared_induction_model, probe):
    (only,) = patterns(smeared_induction_model, probe[0])
    assert prefix_matching(only, *probe)[0] > 0.99
    assert previous_token(only)[0] < 0.35


def test_hand_built_circuit_also_matches_across_random_gaps(induction_model):
    probe = gapped_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS, max_gap=5)
    assert prefix_matching(patterns(induction_model, probe[0])[1], *probe)[0] > 0.99


@pytest.mark.parametrize("name", ["induction_model", "smeared_induction_model"])
def test_hand_built_circuit_predicts_repeats(name, probe, request):
    losses = token_nll(request.getfixturevalue(name), probe[0])
    assert losses[:, :BLOCK].mean() > 2
    # From the second token of the second repeat on, the answer has been seen.
    assert losses[:, BLOCK + 1 :].mean() < 0.2


def test_a_fixed_distance_head_is_not_called_induction_where_gaps_vary():
    """A head that looks back exactly one block scores 1 on fixed repeats, as peers found to their
    cost; random gaps expose it."""
    fixed = repeated_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS)
    gapped, in_block = gapped_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS, 5)

    def looks_back(tokens):
        n = tokens.shape[1]
        pattern = torch.zeros(len(tokens), 1, n, n)
        for query in range(n):
            pattern[:, :, query, max(0, query - BLOCK + 1)] = 1
        return pattern

    everywhere = torch.ones_like(fixed, dtype=torch.bool)
    assert prefix_matching(looks_back(fixed), fixed, everywhere)[0] == 1
    assert prefix_matching(looks_back(gapped), gapped, in_block)[0] < 0.2


def test_masks_on_a_worked_example():
    """BOS a b a b: the second a (3) has its token at 1 and the token after it at 2."""
    tokens = torch.tensor([[0, 5, 6, 5, 6]])
    assert same_token(tokens).nonzero().tolist() == [[0, 3, 1], [0, 4, 2]]
    assert after_same_token(tokens).nonzero().tolist() == [[0, 3, 2], [0, 4, 3]]


def test_attention_is_summed_over_right_answers():
    """Half on one right key and half on another is a perfect score, not one half."""
    tokens = torch.tensor([[0, 5, 6, 5, 7, 5]])
    pattern = torch.zeros(1, 1, 6, 6)
    pattern[0, 0, 5, 2] = pattern[0, 0, 5, 4] = 0.5
    scored = torch.zeros(1, 6, dtype=torch.bool)
    scored[0, 5] = True
    assert attention_on(pattern, after_same_token(tokens), scored).tolist() == [1.0]


def test_prefix_matching_averages_over_repeats_only(probe):
    """A head that looks everywhere equally: the mean, over repeated positions, of the number of
    right keys divided by the number of keys."""
    tokens, in_block = probe
    n = tokens.shape[1]
    uniform = torch.ones(n, n).tril() / torch.arange(1, n + 1)[:, None]
    got = prefix_matching(uniform.expand(len(tokens), 1, n, n), tokens, in_block)
    wanted = np.mean([(i - 1) // BLOCK / (i + 1) for i in range(BLOCK + 1, n)])
    assert got.item() == pytest.approx(wanted, abs=1e-6)


def test_scores_of_random_models_are_small(probe):
    for layer in patterns(random_model(), probe[0]):
        assert prefix_matching(layer, *probe).max() < 0.35


def test_probes_are_what_they_say():
    rng = np.random.default_rng(3)
    usable = np.arange(10, 60)
    tokens = repeated_blocks(rng, usable, 4, block=25, repeats=4)
    assert tokens.shape == (4, 101)
    assert (tokens[:, 0] == 0).all()
    for row in tokens[:, 1:].reshape(4, 4, 25):
        assert len(set(row[0].tolist())) == 25
        assert (row == row[0]).all()
        assert np.isin(row, usable).all()
    gapped, in_block = gapped_blocks(rng, usable, 4, block=25, repeats=4, max_gap=15)
    assert gapped.shape == in_block.shape == (4, 1 + 4 * 40)
    for row, own in zip(gapped, in_block, strict=True):
        block = row[own].reshape(4, 25)
        assert (block == block[0]).all()
        assert not np.isin(row[~own][1:], block[0]).any(), "fillers never repeat the block"
        starts = own.nonzero()[::25, 0].diff()
        assert len(set(starts.tolist())) > 1, "the distance varies"


def test_usable_tokens_leave_out_the_unseen_and_both_ends():
    counts = np.array([99, 0, 5, 1, 100, 50, 20, 0, 7, 8])
    assert usable_tokens(counts, 0.1).tolist() == [2, 5, 6, 8, 9]
    assert usable_tokens(counts, 0.0).tolist() == [2, 3, 4, 5, 6, 8, 9]
