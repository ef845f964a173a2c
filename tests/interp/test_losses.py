"""Per-token losses against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from induction.interp import losses
from tests.conftest import VOCAB


@pytest.mark.parametrize("chunk_bytes", [1, 4 * VOCAB * 17, 1 << 20])
def test_token_nll_against_cross_entropy(any_model, tokens, chunk_bytes, monkeypatch):
    """Whatever the chunk, entry i is the loss of predicting token i + 1."""
    monkeypatch.setattr(nll, "CHUNK_BYTES", chunk_bytes)
    with torch.no_grad():
        logits = any_model(tokens)
    wanted = F.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")
    got = losses.token_nll(any_model, tokens)
    assert got.shape == (3, 39)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)
