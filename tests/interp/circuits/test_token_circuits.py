"""Token circuits: whole matrices, circuits built by hand, known nulls, TransformerLens."""

import math

import numpy as np
import pytest
import torch

from induction.interp.circuits import heads, residual
from induction.interp.circuits.edges import Edge, Head
from induction.interp.circuits.token_circuits import Factored, token_circuits
from induction.interp.probes import repeated_blocks
from induction.models.bridge import bridge
from tests.conftest import BLOCK, REPEATS, V
from tests.interp.test_weights import head_of, ln, roughened

CLOSE = {"atol": 1e-4, "rtol": 1e-4}
L0H0, L0H1, L1H0 = Head(0, 0), Head(0, 1), Head(1, 0)


@pytest.fixture
def rough(any_model):
    return roughened(any_model)


def whole(matrix):
    return matrix.left @ matrix.right.T


def scales_of(model, inputs):
    return residual.decompose(model, inputs).scales.mean((1, 2))


def factored(rows, columns, rank, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return Factored(
        torch.randn(rows, rank, generator=rng, dtype=torch.float64),
        torch.randn(columns, rank, generator=rng, dtype=torch.float64),
    )


@pytest.mark.parametrize("block", [1, 100, 1 << 20])
def test_factored_matrices_against_whole_ones(monkeypatch, block):
    monkeypatch.setattr("induction.interp.circuits.token_circuits.BLOCK", block)
    matrix = factored(40, 40, 5)
    entries = whole(matrix)
    share, above = matrix.diagonal()
    better = (entries > entries.diagonal()[:, None]).sum(1)
    assert share == (better == 0).double().mean().item()
    assert above == pytest.approx((better / 39).mean().item())
    best, which, values = matrix.top(3, 2)
    wanted = entries.topk(2, 1)
    order = wanted.values[:, 0].argsort(descending=True)[:3]
    assert (best == order).all() and (which == wanted.indices[order]).all()
    torch.testing.assert_close(values, wanted.values[order])
    singular = torch.linalg.svdvals(entries) ** 2
    assert matrix.effective_rank() == pytest.approx(
        (singular.sum() ** 2 / (singular**2).sum()).item()
    )
    weight = torch.rand(40, dtype=torch.float64)
    centred = matrix.centred(weight)
    mean = (entries * weight).sum(1, keepdim=True) / weight.sum()
    torch.testing.assert_close(whole(centred), entries - mean)


def test_effective_rank_on_worked_examples():
    eye = torch.eye(6, dtype=torch.float64)
    assert Factored(eye, eye).effective_rank() == pytest.approx(6)
    assert Factored(eye[:, :2], eye[:, :2]).effective_rank() == pytest.approx(2)
    assert Factored(0 * eye, eye).effective_rank() == 0


def test_a_tie_is_no_maximum():
    flat = Factored(torch.zeros(8, 2), torch.zeros(8, 2))
    assert flat.diagonal() == (0, 1)


def test_random_matrices_sit_at_their_nulls():
    shares, aboves = zip(
        *(factored(100, 100, 8, seed).diagonal() for seed in range(40)), strict=True
    )
    assert np.mean(aboves) == pytest.approx(0.5, abs=0.02)
    assert np.mean(shares) == pytest.approx(0.01, abs=0.005)
    # Of Gaussian factors of rank r in many dimensions: r / (1 + 2 r / n), near r.
    assert factored(4000, 4000, 8).effective_rank() == pytest.approx(8, rel=0.02)


def test_token_circuits_against_whole_matrices(rough):
    scales = torch.rand(rough.arch.n_layers + 1, generator=torch.Generator().manual_seed(4)) + 0.5
    circuits, W_E = (token_circuits(rough, scales), rough.tok_embed.weight.detach().double())
    arch = rough.arch
    for layer in range(arch.n_layers):
        x = ln(W_E, rough.layers[layer].ln1) * scales[layer].item()
        if layer == 0 and arch.positions != "learned":
            x = rough.layers[0].ln1(rough.tok_embed.weight).detach().double()
        for head in (0, 3):

            def of(name, layer=layer, head=head):
                return head_of(rough, name, layer, head)

            moved = x @ of("v").T @ of("o").T
            logits = (
                ln(moved, rough.ln_out) * scales[-1].item()
            ) @ rough.head.weight.detach().double().T
            ov = circuits.ov(Head(layer, head))
            torch.testing.assert_close(whole(ov), logits - logits.mean(1, keepdim=True), **CLOSE)
            unsmeared = circuits.unsmeared[layer, head]
            if arch.smeared_keys:
                gate = rough.layers[layer].attn.smear_gate[head].detach().sigmoid().double()
                assert unsmeared.item() == pytest.approx(gate.item())
            scores = x @ of("q").T @ of("k") @ x.T / math.sqrt(arch.d_head)
            qk = circuits.qk(Head(layer, head))
            smeared = circuits.smeared(Head(layer, head))
            torch.testing.assert_close(whole(qk), unsmeared * scores, **CLOSE)
            torch.testing.assert_close(whole(smeared), (1 - unsmeared) * scores, **CLOSE)
            for before in range(layer):
                source = ln(W_E, rough.layers[before].ln1) * scales[before].item()
                if before == 0 and arch.positions != "learned":
                    source = rough.layers[0].ln1(rough.tok_embed.weight).detach().double()
                written = (
                    source @ head_of(rough, "v", before, 1).T @ head_of(rough, "o", before, 1).T
                )
                keys = ln(written, rough.layers[layer].ln1) * scales[layer].item() @ of("k").T
                k = circuits.k(Edge(Head(layer, head), Head(before, 1)))
                torch.testing.assert_close(
                    whole(k), x @ of("q").T @ keys.T / math.sqrt(arch.d_head), **CLOSE
                )


def test_ov_and_qk_products_are_those_of_transformer_lens(any_model):
    """With LayerNorms of gain one on rows of mean zero and scale one, nothing is folded."""
    model = any_model
    with torch.no_grad():
        W_E = model.tok_embed.weight
        W_E.copy_((W_E - W_E.mean(1, keepdim=True)) / W_E.std(1, False, keepdim=True))
        model.head.weight.copy_(model.head.weight - model.head.weight.mean(1, keepdim=True))
        model.head.weight.copy_(model.head.weight - model.head.weight.mean(0))
    circuits = token_circuits(model, torch.ones(model.arch.n_layers + 1))
    other = bridge(model, "test")
    W_E = model.tok_embed.weight.detach().double()
    for layer in range(model.arch.n_layers):
        for head in range(model.arch.n_heads):
            ov, qk = circuits.ov(Head(layer, head)), circuits.qk(Head(layer, head))
            OV = (other.W_V[layer, head] @ other.W_O[layer, head]).detach().double()
            wanted = W_E @ OV @ other.W_U.detach().double()
            torch.testing.assert_close(whole(ov), wanted, **CLOSE)
            QK = (other.W_Q[layer, head] @ other.W_K[layer, head].T).detach().double()
            wanted = (
                circuits.unsmeared[layer, head] * W_E @ QK @ W_E.T / math.sqrt(model.arch.d_head)
            )
            torch.testing.assert_close(whole(qk), wanted, **CLOSE)


def test_the_hand_built_circuit_is_read_as_built(induction_model):
    probe = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)
    circuits = token_circuits(induction_model, scales_of(induction_model, probe))
    weight = torch.ones(V, dtype=torch.float64)
    assert circuits.k(Edge(L1H0, L0H0)).centred(weight).diagonal() == (1, 0), (
        "K-composition matches"
    )
    assert circuits.k(Edge(L1H0, L0H1)).centred(weight).diagonal().share == 0, (
        "nothing is written there"
    )
    assert circuits.ov(L1H0).diagonal() == (1, 0), "it copies"
    assert circuits.ov(L0H0).diagonal().share == 0, "what L0H0 writes is not read by the logits"
    # One direction less than tokens: the mean of all is centred away.
    assert circuits.ov(L1H0).effective_rank() == pytest.approx(V - 1, rel=1e-3)
    first = heads.position_patterns(
        induction_model, 0, 1 / math.sqrt(2 / induction_model.arch.d_model)
    )
    previous = heads.by_offset(first, 3)[:, 1]
    assert previous[0] > 0.99 and previous[1] < 0.15, "L0H0 is a previous-token head by its weights"


def test_the_smeared_circuit_is_read_as_built(smeared_induction_model):
    probe = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)
    circuits = token_circuits(smeared_induction_model, scales_of(smeared_induction_model, probe))
    weight = torch.ones(V, dtype=torch.float64)
    assert circuits.smeared(L0H0).centred(weight).diagonal() == (1, 0)
    assert circuits.ov(L0H0).diagonal() == (1, 0)
    assert circuits.unsmeared[0, 0] < 1e-6
