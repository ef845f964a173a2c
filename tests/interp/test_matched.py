"""The matched ICL score on models whose use of context is known by construction."""

import numpy as np
import pytest
import torch

from induction.config.icl import IclWindows
from induction.interp.losses import sequence_losses, short_context, token_nll
from induction.models.transformer import Transformer
from tests.conftest import LOUD, OUT, POSITION, PREVIOUS, SHARP, TOKEN, WIDTH, T, V, blank, copies

WINDOWS = IclWindows((8, 11), (38, 41))


def matched(model: Transformer, tokens: torch.Tensor) -> torch.Tensor:
    """Of every sequence."""
    nll = [token_nll(model, text) for text in (tokens, short_context(tokens, WINDOWS))]
    losses = sequence_losses(nll[0], nll[1], WINDOWS)
    return losses["late"] - losses["late_short"]


def reaching_back(distance: int) -> Transformer:
    """One layer that predicts the token `distance` tokens before the current one; where that lies
    before the first token, the mean of all so far."""
    model = blank(n_layers=1, smeared_keys=False)
    with torch.no_grad():
        attn = model.layers[0].attn
        there = POSITION + T - distance
        attn.q.weight[: T - distance, POSITION + distance : POSITION + T] = SHARP * torch.eye(
            T - distance
        )
        attn.k.weight[: T - distance, POSITION:there] = torch.eye(T - distance)
        copies(attn, OUT)
    return model


def periodic(period: int) -> torch.Tensor:
    """Sequences that repeat a block of random tokens, so that the next token is the one
    period - 1 before the current one."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, V, (5, period))
    return torch.from_numpy(np.tile(blocks, -(-T // period))[:, :T])


@pytest.mark.parametrize("distance", [0, 1, 5, 8])
def test_context_that_the_early_window_has_too_is_worth_nothing(distance):
    """The first early position, 8, has just the token 8 before it."""
    scores = matched(reaching_back(distance), periodic(distance + 1))
    torch.testing.assert_close(scores, torch.zeros(5), atol=1e-5, rtol=0)


@pytest.mark.parametrize("distance", [9, 12, 20])
def test_context_beyond_the_early_window_is_worth_something(distance):
    assert (matched(reaching_back(distance), periodic(distance + 1)) < -0.5).all()


def test_what_the_induction_circuit_gains_can_be_worked_out(induction_model):
    """A block of eight tokens comes again 30 positions later, after others. In the whole sequence
    the late tokens follow a token that stood there once, and the circuit copies what came next; in
    the short one no current token stood before, so that it attends to all tokens alike."""
    block, others = np.arange(8), np.random.default_rng(1).integers(8, V, T - 16)
    tokens = torch.from_numpy(np.concatenate([block, others[:22], block, others[22:]])[None])
    windows = IclWindows((2, 6), (32, 36))
    losses = [token_nll(induction_model, t) for t in (tokens, short_context(tokens, windows))]
    columns = sequence_losses(losses[0], losses[1], windows)
    late = columns["late"].item()
    assert late < 1e-3 < columns["late_short"].item()
    expected = np.mean([unmatched_loss(block[: pos + 1], block[pos + 1]) for pos in range(2, 7)])
    assert columns["late_short"].item() == pytest.approx(expected, rel=1e-3)


def unmatched_loss(read: np.ndarray, target: int) -> float:
    """Loss of the circuit after the distinct tokens `read`: every head moves the token slot as its
    layer's LayerNorm leaves it, the first from the token before, the second as the mean of all."""
    tokens, n = slice(TOKEN, TOKEN + V), len(read)
    resid = np.zeros((n, WIDTH))
    resid[np.arange(n), TOKEN + read] = resid[np.arange(n), POSITION + np.arange(n)] = 1
    before = np.maximum(np.arange(n) - 1, 0)
    resid[:, PREVIOUS : PREVIOUS + V] = layer_norm(resid)[before, tokens]
    last = resid[-1]
    last[OUT : OUT + V] = layer_norm(resid)[:, tokens].mean(0)
    logits = LOUD * layer_norm(last)[OUT : OUT + V]
    return float(np.log(np.exp(logits).sum()) - logits[target])


def layer_norm(resid: np.ndarray) -> np.ndarray:
    centred = resid - resid.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
