"""Per-token losses against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from induction.config.icl import IclWindows
from induction.interp import losses
from tests.conftest import VOCAB


@pytest.mark.parametrize("chunk_bytes", [1, 4 * VOCAB * 17, 1 << 20])
def test_token_nll_against_cross_entropy(any_model, tokens, chunk_bytes, monkeypatch):
    """Whatever the chunk, entry i is the loss of predicting token i + 1."""
    monkeypatch.setattr(losses, "CHUNK_BYTES", chunk_bytes)
    with torch.no_grad():
        logits = any_model(tokens)
    expected = F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")
    got = losses.token_nll(any_model, tokens)
    assert got.shape == (3, 39)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_losses_of_sequences_by_window_mean_and_sampled_position():
    nll = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0], [5.0, 4.0, 3.0, 2.0, 0.0]])
    short = torch.tensor([[9.0, 5.0], [9.0, 7.0]])
    windows = IclWindows((1, 1), (3, 3))
    expected = {
        "early": torch.tensor([2.0, 4.0]),
        "late": torch.tensor([4.0, 2.0]),
        "late_short": torch.tensor([5.0, 7.0]),
        "mean": torch.tensor([3.0, 2.8]),
    }
    torch.testing.assert_close(losses.sequence_losses(nll, short, windows), expected)
    expected["sampled"] = torch.tensor([4.0, 5.0])
    sampled = torch.tensor([3, 0])
    torch.testing.assert_close(losses.sequence_losses(nll, short, windows, sampled), expected)
    parts = [
        losses.sequence_losses(nll[i : i + 1], short[i : i + 1], windows, sampled[i : i + 1])
        for i in (0, 1)
    ]
    torch.testing.assert_close(losses.joined(parts), expected)
