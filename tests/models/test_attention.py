"""Attention by blocks against torch's own, and its gradients against differences."""

import pytest
import torch
import torch.nn.functional as F

from induction.models.attention import BLOCK, causal_attention, causal_pattern

LENGTHS = [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7]


def vectors(*shape: int, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """Queries, keys and values with heads cut out of a wider tensor, as a model's are."""
    rng = torch.Generator().manual_seed(0)
    batch, heads, length, d_head = shape
    wide = torch.randn(3, batch, length, heads, d_head, generator=rng, dtype=dtype)
    return [each.transpose(1, 2).requires_grad_() for each in wide]


def torchs(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@pytest.mark.parametrize("length", LENGTHS)
def test_it_is_torch_s_attention(length):
    qkv = vectors(2, 3, length, 8)
    exact = torchs(*(each.double() for each in qkv))
    torch.testing.assert_close(causal_attention(*qkv).double(), exact, atol=2e-6, rtol=0)


def test_the_bits_are_the_same_with_and_without_gradients():
    qkv = vectors(2, 3, BLOCK + 1, 8)
    with torch.inference_mode():
        without = causal_attention(*qkv)
    assert torch.equal(causal_attention(*qkv), without)


@pytest.mark.parametrize("length", LENGTHS)
def test_gradients_are_those_of_torch_s_attention(length):
    qkv = vectors(2, 3, length, 8)
    direction = torch.randn(2, 3, length, 8, generator=torch.Generator().manual_seed(1))
    ours, theirs = (
        torch.autograd.grad(attention(*qkv), qkv, direction)
        for attention in (causal_attention, torchs)
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_gradients_are_those_of_differences():
    qkv = vectors(1, 2, BLOCK + 3, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(causal_attention, qkv, fast_mode=True)


@pytest.mark.parametrize("length", LENGTHS)
def test_patterns_are_those_of_a_masked_softmax(length):
    q, k, _ = vectors(2, 3, length, 8)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    expected = (q @ k.mT / 8**0.5).masked_fill(future, -torch.inf).softmax(-1)
    torch.testing.assert_close(causal_pattern(q, k), expected, atol=1e-6, rtol=0)
    assert (causal_pattern(q, k)[..., future] == 0).all()
    assert torch.autograd.grad(causal_pattern(q, k)[..., 0].sum(), q)[0].isfinite().all()


def test_one_head_alone_gives_the_bits_it_gives_among_others():
    with torch.inference_mode():
        q, k, v = vectors(2, 3, 2 * BLOCK, 8)
        alone = causal_attention(q[:, 1], k[:, 1], v[:, 1])
        assert torch.equal(alone, causal_attention(q, k, v)[:, 1])


def test_large_scores_stay_finite():
    q, k, v = (100 * each for each in vectors(1, 1, BLOCK + 1, 8))
    torch.testing.assert_close(causal_attention(q, k, v), torchs(q, k, v), atol=1e-3, rtol=0)


def test_no_key_after_the_query_is_read():
    q, k, v = (each.detach().clone() for each in vectors(1, 2, 2 * BLOCK, 8))
    before = causal_attention(q, k, v)
    k[:, :, BLOCK + 5 :], v[:, :, BLOCK + 5 :] = 7.0, 7.0
    assert torch.equal(causal_attention(q, k, v)[:, :, : BLOCK + 5], before[:, :, : BLOCK + 5])
