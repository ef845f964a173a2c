"""Weight-based measures: naive vocab × vocab versions, hand-built circuits, closed forms."""

import math

import pytest
import torch

from induction.interp.composition import compositions, compositions_by_chance, orientations, pairs
from induction.interp.weights import (
    folded,
    ov_positivity,
    positivity,
    qk_positivity,
    qk_trace,
    raw,
    smear_gates,
    unembedding,
)
from induction.models.bridge import bridge
from tests.conftest import V, random_model

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


def roughened(model):
    """The same with LayerNorm gains and biases that are not 1 and 0."""
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "ln" in name:
                weight.add_(0.3 * torch.randn(weight.shape, generator=rng))
    return model


@pytest.fixture
def rough(any_model):
    return roughened(any_model)


@pytest.fixture
def previous(any_model):
    shape = (any_model.arch.n_layers, any_model.arch.n_heads)
    return torch.rand(shape, generator=torch.Generator().manual_seed(2))


def ln(x, norm):
    """The linear part of a LayerNorm, on the rows of `x`."""
    return (x - x.mean(-1, keepdim=True)) * norm.weight.detach().double()


def head_of(model, name, layer, head):
    """[d_head, d_model] of W_Q, W_K and W_V; [d_model, d_head] of W_O."""
    d_head = model.arch.d_head
    weight = getattr(model.layers[layer].attn, name).weight.detach().double()
    head_slice = slice(head * d_head, (head + 1) * d_head)
    return weight[:, head_slice] if name == "o" else weight[head_slice]


def naive_positivity(square):
    values = torch.linalg.eigvals(square)
    return (values.sum().real / values.abs().sum()).item()


def naive_previous_token_term(model, previous, layer, head):
    """The vocab × vocab matrix, entry by entry as it is read: query token, key token."""
    W_E = model.tok_embed.weight.detach().double()
    queries = ln(W_E, model.layers[layer].ln1) @ head_of(model, "q", layer, head).T
    total = torch.zeros(len(W_E), len(W_E), dtype=torch.float64)
    for before in range(layer):
        for k in range(model.arch.n_heads):
            values = ln(W_E, model.layers[before].ln1) @ head_of(model, "v", before, k).T
            moved = values @ head_of(model, "o", before, k).T
            keys = ln(moved, model.layers[layer].ln1) @ head_of(model, "k", layer, head).T
            total += previous[before, k].item() * queries @ keys.T
    return total


def test_positivity_on_worked_examples():
    assert positivity(torch.eye(3)).item() == 1
    assert positivity(-torch.eye(3)).item() == -1
    assert positivity(torch.diag(torch.tensor([3.0, -1.0]))).item() == pytest.approx(0.5)
    assert positivity(torch.tensor([[0.0, -1.0], [1.0, 0.0]])).item() == pytest.approx(0, abs=1e-7)
    assert positivity(torch.zeros(2, 3, 3)).tolist() == [0, 0]


def test_unembedding_gives_logits_up_to_what_softmax_and_the_scale_hide(rough):
    resid = torch.randn(7, rough.arch.d_model, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = rough.head(rough.ln_out(resid) - rough.ln_out.bias)
    expected = (expected - expected.mean(1, keepdim=True)) * resid.std(1, False, keepdim=True)
    torch.testing.assert_close(resid @ unembedding(rough).T, expected, **CLOSE)


def test_ov_positivity_against_the_whole_matrix(rough):
    W_E = rough.tok_embed.weight.detach().double()
    got = ov_positivity(folded(rough))
    for layer in range(rough.arch.n_layers):
        for head in range(rough.arch.n_heads):
            values = ln(W_E, rough.layers[layer].ln1) @ head_of(rough, "v", layer, head).T
            moved = values @ head_of(rough, "o", layer, head).T
            logits = ln(moved, rough.ln_out) @ rough.head.weight.detach().double().T
            logits = logits - logits.mean(1, keepdim=True)
            assert got[layer, head].item() == pytest.approx(naive_positivity(logits), abs=1e-4)


def test_previous_token_term_against_the_whole_matrix(rough, previous):
    weights = folded(rough)
    trace, share = qk_trace(weights, previous), qk_positivity(weights, previous)
    assert trace[0].isnan().all() and share[0].isnan().all(), "no earlier head"
    for layer in range(1, rough.arch.n_layers):
        for head in range(rough.arch.n_heads):
            whole = naive_previous_token_term(rough, previous, layer, head)
            assert trace[layer, head].item() == pytest.approx(whole.trace().item(), rel=1e-4)
            assert share[layer, head].item() == pytest.approx(naive_positivity(whole), abs=1e-4)


def test_hand_built_circuit_is_read_as_built(induction_model):
    """L1H0 copies, and matches the current token with what L0H0 moved there. SHARP times the
    identity of V tokens has trace SHARP V, and centring takes little of it."""
    weights = folded(induction_model)
    previous = torch.tensor([[1.0, 0.5], [0.0, 0.0]])
    assert ov_positivity(weights)[1].tolist() == pytest.approx([1, 0], abs=1e-6)
    assert qk_positivity(weights, previous)[1].tolist() == pytest.approx([1, 0], abs=1e-6)
    trace = qk_trace(weights, previous)[1]
    assert trace.tolist() == pytest.approx([40 * V, 0], rel=0.05)
    assert qk_trace(weights, previous / 2)[1, 0].item() == pytest.approx(trace[0].item() / 2)
    assert qk_trace(weights, 1 - previous)[1, 0].item() == pytest.approx(0, abs=1e-6)


def test_hand_built_circuit_composes_as_built(induction_model):
    """K alone: 1/sqrt(V), because the identity of V tokens moves each singular value at once."""
    scores = compositions(raw(induction_model))
    keys = pairs(2, 2)
    first = keys.index((1, 0, 0, 0))
    assert scores["k"][first].item() == pytest.approx(V**-0.5)
    assert scores["q"].abs().max() == scores["v"].abs().max() == 0
    assert scores["k"].count_nonzero() == 1, "heads 1 do nothing, and 0 is no share of nothing"
    cosines = orientations(200, induction_model.arch.d_model, induction_model.arch.d_head, 0)
    _, high = compositions_by_chance(folded(induction_model), cosines, 0.975)
    assert compositions(folded(induction_model))["k"][first] > 2 * high["k"][first]


def test_compositions_against_transformer_lens(any_model):
    scores = compositions(raw(any_model))
    keys = pairs(any_model.arch.n_layers, any_model.arch.n_heads)
    lens = bridge(any_model, "oracle")
    for reader in ("q", "k", "v"):
        assert len(scores[reader]) == len(keys)
        if not keys:
            continue
        oracle = lens.all_composition_scores(reader.upper()).scores
        expected = [oracle[from_layer, f, layer, h].item() for layer, h, from_layer, f in keys]
        torch.testing.assert_close(scores[reader].tolist(), expected, **CLOSE)


def test_compositions_fold_the_layer_norm_that_reads(rough):
    """The same from whole d_model × d_model matrices."""
    scores = compositions(folded(rough))

    width = rough.arch.d_model
    centring = torch.eye(width).double() - 1 / width

    def square(first, second, layer, head, norm):
        reads = centring @ norm.weight.detach().double().diag()
        left = reads @ head_of(rough, first, layer, head).T
        if second == "o":
            return left @ head_of(rough, "o", layer, head).T
        return left @ (reads @ head_of(rough, second, layer, head).T).T

    for i, (layer, head, before, k) in enumerate(pairs(rough.arch.n_layers, rough.arch.n_heads)):
        wrote = square("v", "o", before, k, rough.layers[before].ln1)
        norm = rough.layers[layer].ln1
        for reader, names in (("q", "qk"), ("k", "kq"), ("v", "vo")):
            reads = square(*names, layer, head, norm)
            expected = (wrote @ reads).norm() / (wrote.norm() * reads.norm())
            assert scores[reader][i].item() == pytest.approx(expected.item(), abs=1e-6)


def test_chance_is_one_over_the_width():
    """Mean square 1/d_model, as of Gaussian matrices, also for a circuit of one singular value."""
    cosines = orientations(4_000, 32, 8, 0)
    assert cosines.mean().item() == pytest.approx(1 / 32, rel=0.01)
    assert cosines[:, 0, 0].mean().item() == pytest.approx(1 / 32, rel=0.1)
    gaussian = torch.randn(300, 4, 8, 32, generator=torch.Generator().manual_seed(0)).double()
    q, k, v, o = gaussian.unbind(1)
    norms = (q.mT @ k).norm(dim=(1, 2)) * (v.mT @ o).norm(dim=(1, 2))
    scores = (v.mT @ (o @ q.mT) @ k).norm(dim=(1, 2)) / norms
    assert (scores**2).mean().item() == pytest.approx(1 / 32, rel=0.03)


def test_chance_against_turning_one_circuit():
    """The closed form in singular values against matrices that are really turned."""
    model = roughened(random_model(n_heads=2))
    weights = folded(model)
    arch, rng = model.arch, torch.Generator().manual_seed(1)
    drawn = []
    for _ in range(2_000):
        turn = torch.linalg.qr(torch.randn(arch.d_model, arch.d_model, generator=rng).double()).Q
        wrote = weights.W_V[0, 0] @ weights.W_O[0, 0]
        reads = weights.W_K[1, 1] @ weights.W_Q[1, 1].T
        drawn.append((wrote @ turn @ reads).norm() / (wrote.norm() * reads.norm()))
    drawn = torch.stack(drawn)
    cosines = orientations(2_000, arch.d_model, arch.d_head, 0)
    mean, high = compositions_by_chance(weights, cosines, 0.975)
    i = pairs(2, 2).index((1, 1, 0, 0))
    assert mean["k"][i].item() == pytest.approx(drawn.mean().item(), rel=0.01)
    assert high["k"][i].item() == pytest.approx(drawn.quantile(0.975).item(), rel=0.02)
    assert torch.equal(mean["q"], mean["k"]) and not torch.equal(mean["q"], mean["v"])


def test_random_weights_copy_and_match_nothing():
    model = random_model(d_model=128, n_heads=4)
    weights = folded(model)
    assert ov_positivity(weights).mean().abs() < 0.1
    assert qk_positivity(weights, torch.ones(2, 4))[1].mean().abs() < 0.1
    scores = compositions(weights)
    for values in scores.values():
        assert values.mean().item() == pytest.approx(128**-0.5, rel=0.05)


def test_pairs_are_in_the_order_of_the_table():
    assert pairs(1, 4) == []
    keys = pairs(3, 2)
    assert keys == sorted(keys)
    assert len(keys) == 2 * 2 + 2 * 4


def test_smear_gates(smeared_induction_model, induction_model):
    assert smear_gates(smeared_induction_model)[0].tolist() == pytest.approx([0, 0], abs=1e-6)
    model = random_model(smeared_keys=True)
    gate = model.arch.init.smear_gate
    expected = 1 / (1 + math.exp(-gate))
    assert smear_gates(model).flatten().tolist() == pytest.approx([expected] * 8)
    assert smear_gates(induction_model).isnan().all()
