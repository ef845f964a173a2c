"""The model: causal, its attention what it says it is, its bits a function of the seed."""

import math

import pytest
import torch

from induction.models.transformer import rotate, sinusoids, smear, weight_shapes
from tests.conftest import N_CTX, VOCAB, random_model


@pytest.mark.parametrize("position", [0, 17, 39])
def test_no_logit_depends_on_a_later_token(any_model, tokens, position):
    """Causality by gradient: the logits at `position` move with no embedding after it, and do
    move with the one at it."""
    resid = any_model.embedding(tokens).detach().requires_grad_()
    stream = resid
    for block in any_model.layers:
        stream = block(stream)[0]
    any_model.head(any_model.ln_out(stream))[:, position].sum().backward()
    reach = resid.grad.abs().amax((0, 2))
    assert reach[position] > 0
    assert (reach[position + 1 :] == 0).all()


def test_attention_is_pattern_times_values(any_model, tokens):
    """The fused attention and the explicit pattern are two routes to one z."""
    block = any_model.layers[0]
    x = block.ln1(any_model.embedding(tokens))
    (q, k), v = block.attn.qk(x), block.attn.values(x)
    pattern = block.attn.pattern(q, k)
    torch.testing.assert_close(pattern.sum(-1), torch.ones_like(pattern.sum(-1)))
    assert (pattern.triu(1) == 0).all()
    torch.testing.assert_close(pattern @ v, block.attn.z(q, k, v))


def test_heads_add_up_to_the_layer(any_model, tokens):
    attn = any_model.layers[0].attn
    x = any_model.layers[0].ln1(any_model.embedding(tokens))
    z = attn.z(*attn.qk(x), attn.values(x))
    together = sum(attn.head_out(z, head) for head in range(any_model.arch.n_heads))
    torch.testing.assert_close(together, attn.out(z))


def test_smearing_against_its_formula():
    k = torch.randn(2, 3, 5, 4)
    gate = torch.tensor([-1.0, 0.0, 2.0])
    got = smear(k, gate)
    for head in range(3):
        s = 1 / (1 + math.exp(-gate[head]))
        torch.testing.assert_close(got[:, head, 0], k[:, head, 0])
        for j in range(1, 5):
            wanted = s * k[:, head, j] + (1 - s) * k[:, head, j - 1]
            torch.testing.assert_close(got[:, head, j], wanted)


def test_rotary_products_depend_on_distance_alone():
    q, k = torch.randn(8).expand(1, 1, 12, 8), torch.randn(8).expand(1, 1, 12, 8)
    products = (rotate(q) @ rotate(k).transpose(-1, -2))[0, 0]
    for distance in range(12):
        diagonal = products.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=1e-4)
    assert (products[0, 0] - products[5, 0]).abs() > 1e-3


def test_sinusoids_at_known_points():
    table = sinusoids(3, 4)
    torch.testing.assert_close(table[0], torch.tensor([0.0, 0.0, 1.0, 1.0]))
    wanted = [math.sin(2), math.sin(0.02), math.cos(2), math.cos(0.02)]
    torch.testing.assert_close(table[2], torch.tensor(wanted))


def test_positions_on_queries_and_keys_leave_the_residual_stream_alone(tokens):
    """With one token everywhere, values and residual stream are the same at every position."""
    model = random_model()
    same = torch.full_like(tokens, 7)
    logits = model(same)
    torch.testing.assert_close(logits, logits[:, :1].expand_as(logits))
    attn = model.layers[0].attn
    pattern = attn.pattern(*attn.qk(model.layers[0].ln1(model.embedding(same))))
    assert (pattern[:, :, -1].std(-1) > 1e-4).all(), "but attention does see positions"


def test_same_seed_same_bits():
    first, again, other = (random_model() for _ in range(3))
    other.init_weights(1)
    for (name, a), b, c in zip(
        first.named_parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(a, b), name
        if a.ndim == 2:
            assert not torch.equal(a, c), name


def test_initial_loss_is_that_of_guessing(tokens):
    model = random_model()
    model.head.weight.data.mul_(0.01)
    loss = torch.nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
    assert abs(loss.item() - math.log(VOCAB)) < 0.02


def test_the_shapes_that_a_checkpoint_is_held_to_are_those_of_the_model(any_model):
    wanted = {name: list(value.shape) for name, value in any_model.state_dict().items()}
    assert weight_shapes(any_model.arch, VOCAB, N_CTX) == wanted
