"""Head scores: on hand-built circuits, and on patterns small enough to score by hand."""

import numpy as np
import pytest
import torch

from induction.interp.attention_scores import (
    after_same_token,
    attention_on,
    copying,
    first_token,
    patterns,
    prefix_matching,
    previous_token,
    same_token,
    same_token_attention,
)
from induction.interp.losses import token_nll
from induction.interp.probes import Probe, distinct_tokens, gapped_blocks, repeated_blocks
from induction.models.bridge import bridge
from tests.conftest import BLOCK, REPEATS, V, random_model

USABLE = np.arange(1, V)


@pytest.fixture
def probe():
    return Probe.whole(repeated_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS))


def test_hand_built_circuit_is_read_as_built(induction_model, probe):
    first, second = patterns(induction_model, probe.tokens)
    assert previous_token(first)[0] > 0.99
    assert prefix_matching(second, *probe)[0] > 0.99
    assert same_token_attention(second, *probe)[0] < 0.01, "the -1 control"
    assert prefix_matching(first, *probe).max() < 0.35
    assert previous_token(second).max() < 0.35


def test_hand_built_smeared_circuit_needs_one_layer(smeared_induction_model, probe):
    (only,) = patterns(smeared_induction_model, probe.tokens)
    assert prefix_matching(only, *probe)[0] > 0.99
    assert previous_token(only)[0] < 0.35


def test_hand_built_circuit_also_matches_across_random_gaps(induction_model):
    probe = gapped_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS, max_gap=5)
    assert prefix_matching(patterns(induction_model, probe.tokens)[1], *probe)[0] > 0.99


@pytest.mark.parametrize("name", ["induction_model", "smeared_induction_model"])
def test_hand_built_circuit_predicts_repeats(name, probe, request):
    losses = token_nll(request.getfixturevalue(name), probe.tokens)
    assert losses[:, :BLOCK].mean() > 2
    # From the second token of the second repeat on, the answer has been seen.
    assert losses[:, BLOCK + 1 :].mean() < 0.2


def test_a_fixed_distance_head_is_not_called_induction_where_gaps_vary():
    """A head that looks back exactly one block scores 1 on fixed repeats, as peers found to their
    cost; random gaps expose it."""
    fixed = Probe.whole(repeated_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS))
    gapped = gapped_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS, 5)

    def looks_back(tokens):
        n = tokens.shape[1]
        pattern = torch.zeros(len(tokens), 1, n, n)
        for query in range(n):
            pattern[:, :, query, max(0, query - BLOCK + 1)] = 1
        return pattern

    assert prefix_matching(looks_back(fixed.tokens), *fixed)[0] == 1
    assert prefix_matching(looks_back(gapped.tokens), *gapped)[0] < 0.2


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
    expected = np.mean([(i - 1) // BLOCK / (i + 1) for i in range(BLOCK + 1, n)])
    assert got.item() == pytest.approx(expected, abs=1e-6)


def test_patterns_of_every_layer_are_those_of_transformer_lens(any_model, tokens):
    with torch.no_grad():
        _, cache = bridge(any_model, "oracle").run_with_cache(tokens)
    for layer, pattern in enumerate(patterns(any_model, tokens)):
        torch.testing.assert_close(pattern, cache[f"blocks.{layer}.attn.hook_pattern"])


def test_scores_of_random_models_are_small(probe):
    for layer in patterns(random_model(), probe.tokens):
        assert prefix_matching(layer, *probe).max() < 0.35


def test_hand_built_circuit_copies(induction_model):
    """L1H0 raises what it attends to and nothing else: a = T, and 4 * 1/2 - 1. L0H0 copies to
    where the unembedding does not look, and heads 1 move nothing."""
    tokens = distinct_tokens(np.random.default_rng(0), USABLE, 5, BLOCK)
    for scores in copying(induction_model, tokens):
        assert scores[1].tolist() == pytest.approx([1, -1], abs=1e-3)
        assert scores[0, 1].item() == pytest.approx(-1)


@pytest.mark.parametrize(
    ("raised", "ratio", "share"), [(1, 1, 1), (2, 1 / 3, 0), (3, 0, -1 / 3), (4, -1 / 5, -1 / 2)]
)
def test_each_reading_of_copying_has_its_own_zero(induction_model, raised, ratio, share):
    """L1H0 raises the token that it attends to and the next few of the vocabulary by as much:
    a = T/2, T/3, ..., where the sample is the whole vocabulary."""
    shifts = sum(torch.eye(V).roll(shift, 0) for shift in range(raised))
    with torch.no_grad():
        induction_model.layers[1].attn.o.weight[V : 2 * V, :V] = shifts  # the slot of outputs
    got = copying(induction_model, torch.randperm(V)[None])
    assert got.ratio[1, 0].item() == pytest.approx(ratio, abs=1e-3)
    assert got.share[1, 0].item() == pytest.approx(share, abs=1e-3)


def test_copying_against_one_source_at_a_time(any_model):
    """Every destination and source by itself, through the model's own output layers."""
    rng = torch.Generator().manual_seed(6)
    with torch.no_grad():
        any_model.ln_out.weight.add_(0.3 * torch.randn(32, generator=rng))
        any_model.layers[0].ln1.weight.add_(0.3 * torch.randn(32, generator=rng))
    tokens = distinct_tokens(np.random.default_rng(0), np.arange(1, 50), 2, 7)
    got = copying(any_model, tokens)
    lens = bridge(any_model, "oracle")
    d_head = any_model.arch.d_head
    with torch.no_grad():
        _, cache = lens.run_with_cache(tokens)
        for layer, block in enumerate(any_model.layers):
            pattern = cache[f"blocks.{layer}.attn.hook_pattern"]
            values = cache[f"blocks.{layer}.attn.hook_v"]
            for head in range(any_model.arch.n_heads):
                W_O = block.attn.o.weight[:, head * d_head : (head + 1) * d_head]
                scores, shares = [], []
                for seq, row in enumerate(tokens):
                    for i in range(len(row)):
                        score, share_score = 0.0, 0.0
                        for j in range(i + 1):
                            share = pattern[seq, head, i, j]
                            moved = share * (W_O @ values[seq, j, head])
                            centred = moved - moved.mean()
                            logits = any_model.head(centred * any_model.ln_out.weight)
                            raises = (logits - logits.mean()).relu()[row]
                            a, T = raises[j].item(), raises.sum().item()
                            score += share.item() * (4 * a / (a + T) - 1 if a + T > 0 else -1)
                            share_score += share.item() * (2 * a / T - 1 if T > 0 else -1)
                        scores.append(score)
                        shares.append(share_score)
                ratio, share = (each[layer, head].item() for each in got)
                assert ratio == pytest.approx(np.mean(scores), abs=1e-4)
                assert share == pytest.approx(np.mean(shares), abs=1e-4)


def test_random_heads_copy_no_more_than_chance():
    """Chance is below zero in both readings, and the lower the more tokens there are: a/T is 1/n on
    average where all n tokens of the sample are alike; 4 r - 1 is concave in it, so that its mean
    is below 4/(n + 1) - 1. The oracle's raises are normal, half of them cut off."""
    model, rng = random_model(d_model=128), np.random.default_rng(1)
    for n in (5, 25):
        raises = rng.standard_normal((200_000, n)).clip(0)
        raised, total = raises[:, 0], raises.sum(1)
        r = np.divide(raised, raised + total, out=np.zeros_like(total), where=total > 0)
        tokens = distinct_tokens(np.random.default_rng(0), np.arange(1, 50), 60, n)
        ratio, share = (scores.mean().item() for scores in copying(model, tokens))
        assert ratio == pytest.approx((4 * r - 1).mean(), abs=0.03)
        assert ratio < 4 / (n + 1) - 1
        assert share == pytest.approx(2 / n - 1, abs=0.03)


def test_rest_on_the_first_token_counts_only_where_nothing_matches():
    """BOS, a b, a b: only the first a and b have no match; one rests on BOS, one half."""
    tokens = torch.tensor([[0, 1, 2, 1, 2]])
    pattern = torch.zeros(1, 1, 5, 5)
    for query, (first, itself) in enumerate([(1.0, 0.0), (1.0, 0.0), (0.5, 0.5), (0, 1), (0, 1)]):
        pattern[0, 0, query, query] = itself
        pattern[0, 0, query, 0] += first
    assert first_token(pattern, *Probe.whole(tokens)).tolist() == pytest.approx([0.75])
