"""Position circuits: attention of a model without content, and by distance."""

import pytest
import torch

from induction.interp.activations import Layer
from induction.interp.circuits import heads
from tests.conftest import KINDS, random_model

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.mark.parametrize("kind", ["attn", "smeared", "rotary", "smeared rotary"])
def test_without_content_the_pattern_is_that_of_the_position_circuit(kind):
    """All tokens alike, and for sinusoids nothing at all."""
    model = random_model(**KINDS[kind])
    with torch.no_grad():
        model.tok_embed.weight.copy_(model.tok_embed.weight[:1].expand_as(model.tok_embed.weight))
        if model.arch.positions == "qk_sinusoidal":
            model.layers[0].ln1.weight.zero_()
    inputs = torch.zeros(1, model.n_ctx, dtype=torch.long)
    with torch.no_grad():
        pattern = Layer(model, 0, model.embedding(inputs)).pattern
    got = heads.position_patterns(model, 0, 1.0)
    torch.testing.assert_close(got, pattern[0], **CLOSE)
    assert heads.inexact_positions(model, 0) == (
        ""
        if "rotary" not in kind
        else "rotary positions have no term of their own: shown for the mean token"
    )


def test_offsets_on_a_worked_example():
    pattern = torch.tensor([[1.0, 0, 0], [0.25, 0.75, 0], [0.5, 0.3, 0.2]])
    torch.testing.assert_close(
        heads.by_offset(pattern, 3), torch.tensor([(1 + 0.75 + 0.2) / 3, 0.275, 0.5])
    )
