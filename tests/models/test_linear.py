"""Our linear layers against torch's, in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from induction.models import linear as module
from induction.models.linear import Linear, linear, replace_linears

needs_onednn = pytest.mark.skipif(not module.HAS_ONEDNN, reason="this torch has no oneDNN")


@pytest.fixture
def products(monkeypatch):
    """The products that oneDNN makes, in a list."""
    made = []

    def product(*inputs):
        made.append(inputs)
        return original(*inputs)

    original = module._product
    monkeypatch.setattr(module, "_product", product)
    return made


@pytest.mark.parametrize("shape", [(5, 7), (2, 5, 7), (2, 3, 5, 7)])
@pytest.mark.parametrize("has_bias", [False, True])
@needs_onednn
def test_values_and_gradients_are_those_of_torch(shape, has_bias, products):
    torch.manual_seed(0)
    inputs = [torch.randn(shape), torch.randn(11, 7), torch.randn(11) if has_bias else None]
    doubles = [each if each is None else each.double().requires_grad_() for each in inputs]
    singles = [each if each is None else each.requires_grad_() for each in inputs]
    with torch.no_grad():
        without_gradients = linear(*singles)
    ours, theirs = linear(*singles), F.linear(*doubles)
    upstream = torch.randn_like(ours)
    ours.backward(upstream)
    theirs.backward(upstream.double())
    assert len(products) == 4
    assert torch.equal(ours, without_gradients)
    torch.testing.assert_close(ours.double(), theirs, atol=1e-5, rtol=1e-5)
    for our, their in zip(singles, doubles, strict=True):
        if our is not None:
            torch.testing.assert_close(our.grad.double(), their.grad, atol=1e-5, rtol=1e-5)


@needs_onednn
def test_gradients_that_nobody_asks_for_are_not_computed(products):
    layer = Linear(7, 11)
    layer.weight.requires_grad_(False)
    layer(torch.randn(5, 7)).sum().backward()
    assert len(products) == 1
    assert layer.weight.grad is None
    torch.testing.assert_close(layer.bias.grad, torch.full((11,), 5.0))


def test_slices_of_wider_matrices():
    x, weight = torch.randn(5, 64), torch.randn(11, 64)
    ours = linear(x[:, 16:32], weight[:, 16:32])
    torch.testing.assert_close(ours, x[:, 16:32] @ weight[:, 16:32].T)


@needs_onednn
def test_other_precisions_are_left_to_torch(products):
    layer, x = Linear(7, 11), torch.randn(5, 7)
    assert layer.double()(x.double()).dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.float()(x).dtype == torch.bfloat16
    assert not products


@needs_onednn
def test_a_row_has_the_same_bits_among_others_and_with_more_threads():
    x, weight = torch.randn(512, 128), torch.randn(512, 128)
    threads = torch.get_num_threads()
    results = []
    for count in (1, 2):
        torch.set_num_threads(count)
        results += [
            linear(x, weight),
            torch.cat([linear(x[:256], weight), linear(x[256:], weight)]),
        ]
    torch.set_num_threads(threads)
    assert all(torch.equal(result, results[0]) for result in results)


def test_operations_are_counted():
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        linear(torch.randn(2, 5, 7), torch.randn(11, 7))
    assert counter.get_total_flops() == 2 * 2 * 5 * 7 * 11


def test_layers_are_replaced_with_their_weights():
    model = nn.Sequential(nn.Linear(7, 7), nn.Sequential(nn.GELU(), nn.Linear(7, 3)))
    weights, x = dict(model.named_parameters()), torch.randn(5, 7)
    before = model(x)
    replace_linears(model, nn.Linear, Linear)
    assert [type(each) for each in (model[0], model[1][1])] == [Linear, Linear]
    assert all(weight is weights[name] for name, weight in model.named_parameters())
    torch.testing.assert_close(model(x), before)
