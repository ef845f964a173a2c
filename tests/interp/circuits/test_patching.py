"""Edges ablated and circuits alone: a circuit built by hand, TransformerLens hooks, identities."""

import numpy as np
import pytest
import torch

from induction.interp.activations import Layer
from induction.interp.circuits.edges import SMEAR, Edge, Head
from induction.interp.circuits.patching import (
    Replacement,
    circuit_only_nll,
    clean_run,
    edge_ablated_nll,
    replacement_of,
)
from induction.interp.losses import token_nll
from induction.interp.probes import repeated_blocks
from induction.models.bridge import bridge
from tests.conftest import BLOCK, KINDS, REPEATS, V, random_model

CLOSE = {"atol": 1e-4, "rtol": 1e-4}
L0H0, L0H1, L1H0, L1H1, L2H0 = (Head(*head) for head in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0)))
CIRCUIT = [Edge(L1H0, L0H0)]


@pytest.fixture
def probe():
    return repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)


def repeats(losses) -> float:
    """Mean loss where the answer has been seen."""
    return losses[:, BLOCK + 1 :].mean().item()


def test_the_hand_built_circuit_is_necessary(induction_model, probe):
    clean = clean_run(induction_model, probe)
    for kind in ("mean", "zero"):
        replacement = replacement_of([clean], kind)
        assert repeats(clean.nll) < 0.2
        assert repeats(edge_ablated_nll(induction_model, clean, CIRCUIT, replacement)) > 1
        for receiver_input in ("q", "v"):
            other = edge_ablated_nll(induction_model, clean, CIRCUIT, replacement, receiver_input)
            assert repeats(other) == pytest.approx(repeats(clean.nll), abs=2e-3)
        for edge in (Edge(L1H0, L0H1), Edge(L1H1, L0H0)):
            other = edge_ablated_nll(induction_model, clean, [edge], replacement)
            assert repeats(other) == pytest.approx(repeats(clean.nll), abs=2e-3)


def test_the_hand_built_circuit_is_faithful(induction_model, probe):
    clean = clean_run(induction_model, probe)
    for kind in ("mean", "zero"):
        replacement = replacement_of([clean], kind)
        assert repeats(circuit_only_nll(induction_model, clean, CIRCUIT, replacement)) < 0.2
        assert repeats(circuit_only_nll(induction_model, clean, [], replacement)) > 2
        assert (
            repeats(circuit_only_nll(induction_model, clean, [Edge(L1H0, L0H1)], replacement)) > 1
        )


def test_the_smeared_circuit_needs_no_sender(smeared_induction_model, probe):
    model = smeared_induction_model
    clean = clean_run(model, probe)
    replacement = replacement_of([clean], "mean")
    assert repeats(clean.nll) < 0.2
    assert repeats(edge_ablated_nll(model, clean, [Edge(L0H0, SMEAR)], replacement)) > 2
    assert repeats(circuit_only_nll(model, clean, [Edge(L0H0, SMEAR)], replacement)) < 0.2


def test_a_run_is_the_model(any_model, tokens):
    clean = clean_run(any_model, tokens)
    torch.testing.assert_close(clean.nll, token_nll(any_model, tokens), **CLOSE)


def test_nothing_changes_if_what_is_ablated_is_put_back(any_model, tokens):
    """Every head replaced by what it writes anyway."""
    if any_model.arch.n_layers < 2:
        return
    clean = clean_run(any_model, tokens)
    itself = Replacement(clean.results, clean.mlps)
    edges = [Edge(L1H0, L0H0), Edge(L1H1, L0H1)]
    for receiver_input in ("q", "k", "v"):
        got = edge_ablated_nll(any_model, clean, edges, itself, receiver_input)
        torch.testing.assert_close(got, clean.nll, **CLOSE)
    kept = circuit_only_nll(any_model, clean, edges, itself)
    torch.testing.assert_close(kept, clean.nll, **CLOSE)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "learned" not in kind])
@pytest.mark.parametrize("receiver_input", ["q", "k", "v"])
def test_ablated_edges_against_transformer_lens(kind, receiver_input, tokens):
    """The input of one head's projection is the cached residual stream without the sender; hooks
    replace the projection's output before smearing and rotation."""
    model = random_model(**KINDS[kind])
    clean = clean_run(model, tokens)
    replacement = replacement_of([clean], "mean")
    got = edge_ablated_nll(model, clean, [Edge(L1H1, L0H0)], replacement, receiver_input)
    resid = clean.layers[1].resid_pre - clean.results[0][0] + replacement.results[0][0]
    x, attn = model.layers[1].ln1(resid), model.layers[1].attn
    if receiver_input != "v" and model.arch.positions == "qk_sinusoidal":
        x = x + attn.sinusoids[: x.shape[1]]
    with torch.no_grad():
        projected = getattr(attn, receiver_input)(x).unflatten(-1, (model.arch.n_heads, -1))

    def put(value, hook):
        value = value.clone()
        if value.dim() == 3:
            value.unflatten(-1, (model.arch.n_heads, -1))[:, :, 1] = projected[:, :, 1]
        else:
            value[:, :, 1] = projected[:, :, 1]
        return value

    other = bridge(model, "test")
    logits = other.run_with_hooks(
        tokens[:, :-1],
        fwd_hooks=[(f"blocks.1.attn.hook_{receiver_input}", put)],
        return_type="logits",
    )
    expected = -logits.log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    torch.testing.assert_close(got, expected.detach(), **CLOSE)
    assert (got - clean.nll).abs().max() > 1e-3, "the edge does something"


def test_edges_of_two_layers_are_ablated_together(tokens):
    """The sender in layer 1 writes something else once its keys have changed."""
    model = random_model(n_layers=3)
    clean = clean_run(model, tokens)
    replacement = replacement_of([clean], "mean")
    both = edge_ablated_nll(model, clean, [Edge(L1H0, L0H0), Edge(L2H0, L1H0)], replacement)
    one = edge_ablated_nll(model, clean, [Edge(L1H0, L0H0)], replacement)
    assert (both - one).abs().max() > 1e-4
    with torch.no_grad():
        # The same in single steps: L1H0 reads keys without what L0H0 writes.
        changed = clean.layers[1].resid_pre - clean.results[0][0] + replacement.results[0][0]
        block = model.layers[1]
        z = Layer(model, 1, clean.layers[1].resid_pre).z
        q, _ = block.attn.qk(block.ln1(clean.layers[1].resid_pre))
        _, k = block.attn.qk(block.ln1(changed))
        v = block.attn.values(block.ln1(clean.layers[1].resid_pre))
        scores = (q[:, 0] @ k[:, 0].mT) / model.arch.d_head**0.5
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        z[:, 0] = scores.masked_fill(future, -torch.inf).softmax(-1) @ v[:, 0]
        resid = clean.layers[1].resid_pre + block.attn.out(z)
        last = model.layers[2]
        keys = resid - block.attn.head_out(z, 0) + replacement.results[1][0]
        z2 = Layer(model, 2, resid).z
        q, _ = last.attn.qk(last.ln1(resid))
        _, k = last.attn.qk(last.ln1(keys))
        v = last.attn.values(last.ln1(resid))
        scores = (q[:, 0] @ k[:, 0].mT) / model.arch.d_head**0.5
        z2[:, 0] = scores.masked_fill(future, -torch.inf).softmax(-1) @ v[:, 0]
        logits = model.head(model.ln_out(resid + last.attn.out(z2)))
        expected = -logits.log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    torch.testing.assert_close(both, expected, **CLOSE)


def test_means_do_not_depend_on_how_sequences_are_batched(tokens):
    model = random_model()
    whole = replacement_of([clean_run(model, tokens)], "mean")
    parts = replacement_of([clean_run(model, part) for part in tokens.split(1)], "mean")
    for name in ("results", "mlps"):
        for a, b in zip(getattr(whole, name), getattr(parts, name), strict=True):
            torch.testing.assert_close(a, b, **CLOSE)
    zeros = replacement_of([clean_run(model, tokens)], "zero")
    assert all(result.abs().max() == 0 for result in zeros.results)
