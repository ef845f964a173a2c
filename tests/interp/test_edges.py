"""Edges cut and paths kept: a circuit built by hand, TransformerLens hooks, identities."""

import dataclasses

import numpy as np
import pytest
import torch

from induction.config.circuits import CircuitRule
from induction.config.heads import KindThresholds
from induction.interp.activations import Layer
from induction.interp.circuits import residual
from induction.interp.circuits import tokens as token_circuits
from induction.interp.circuits.edges import SMEAR, cut_nll, kept_nll, means, run
from induction.interp.circuits.rows import Behaviour, Vocabulary, circuit_of, edge_rows, reason
from induction.interp.losses import token_nll
from induction.interp.probes import repeated_blocks
from induction.models.bridge import bridge
from tests.conftest import BLOCK, KINDS, REPEATS, V, random_model
from tests.interp.test_ablation import CLOSE

L0H0, L0H1, L1H0, L1H1 = (0, 0), (0, 1), (1, 0), (1, 1)
CIRCUIT = [(L1H0, L0H0)]
RULE, BEHAVES = CircuitRule(0.1, 0.5, 0.05), KindThresholds(0.3, 0.5, 0.3)


@pytest.fixture
def probe():
    return repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)


def repeats(losses) -> float:
    """Mean loss where the answer has been seen."""
    return losses[:, BLOCK + 1 :].mean().item()


def test_the_hand_built_circuit_is_necessary(induction_model, probe):
    found = run(induction_model, probe)
    for replacement in ("mean", "zero"):
        instead = means([found], replacement)
        assert repeats(found.nll) < 0.2
        assert repeats(cut_nll(induction_model, found, CIRCUIT, instead)) > 1
        for reader in ("q", "v"):
            other = cut_nll(induction_model, found, CIRCUIT, instead, reader)
            assert repeats(other) == pytest.approx(repeats(found.nll), abs=2e-3)
        for edge in ((L1H0, L0H1), (L1H1, L0H0)):
            other = cut_nll(induction_model, found, [edge], instead)
            assert repeats(other) == pytest.approx(repeats(found.nll), abs=2e-3)


def test_the_hand_built_circuit_is_faithful(induction_model, probe):
    found = run(induction_model, probe)
    for replacement in ("mean", "zero"):
        instead = means([found], replacement)
        assert repeats(kept_nll(induction_model, found, CIRCUIT, instead)) < 0.2
        assert repeats(kept_nll(induction_model, found, [], instead)) > 2
        assert repeats(kept_nll(induction_model, found, [(L1H0, L0H1)], instead)) > 1


def test_the_smeared_circuit_needs_no_writer(smeared_induction_model, probe):
    model = smeared_induction_model
    found = run(model, probe)
    instead = means([found], "mean")
    assert repeats(found.nll) < 0.2
    assert repeats(cut_nll(model, found, [(L0H0, SMEAR)], instead)) > 2
    assert repeats(kept_nll(model, found, [(L0H0, SMEAR)], instead)) < 0.2


def test_a_run_is_the_model(any_model, tokens):
    found = run(any_model, tokens)
    torch.testing.assert_close(found.nll, token_nll(any_model, tokens), **CLOSE)


def test_nothing_changes_if_what_is_cut_is_put_back(any_model, tokens):
    """Every head replaced by what it writes anyway."""
    if any_model.arch.n_layers < 2:
        return
    found = run(any_model, tokens)
    itself = dataclasses.replace(means([found], "mean"), outs=found.outs, mlps=found.mlps)
    edges = [(L1H0, L0H0), (L1H1, L0H1)]
    for reader in ("q", "k", "v"):
        got = cut_nll(any_model, found, edges, itself, reader)
        torch.testing.assert_close(got, found.nll, **CLOSE)
    kept = kept_nll(any_model, found, edges, itself)
    torch.testing.assert_close(kept, found.nll, **CLOSE)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "learned" not in kind])
@pytest.mark.parametrize("reader", ["q", "k", "v"])
def test_cuts_against_transformer_lens(kind, reader, tokens):
    """The input of one head's projection, made of the cached residual stream without the writer;
    hooks replace the projection's output before smearing and rotation."""
    model = random_model(**KINDS[kind])
    found = run(model, tokens)
    instead = means([found], "mean")
    got = cut_nll(model, found, [(L1H1, L0H0)], instead, reader)
    resid = found.resids[1] - found.outs[0][0] + instead.outs[0][0]
    x, attn = model.layers[1].ln1(resid), model.layers[1].attn
    if reader != "v" and model.arch.positions == "qk_sinusoidal":
        x = x + attn.sinusoids[: x.shape[1]]
    with torch.no_grad():
        made = getattr(attn, reader)(x).unflatten(-1, (model.arch.n_heads, -1))

    def put(value, hook):
        value = value.clone()
        if value.dim() == 3:
            value.unflatten(-1, (model.arch.n_heads, -1))[:, :, 1] = made[:, :, 1]
        else:
            value[:, :, 1] = made[:, :, 1]
        return value

    other = bridge(model, "test")
    logits = other.run_with_hooks(
        tokens[:, :-1], fwd_hooks=[(f"blocks.1.attn.hook_{reader}", put)], return_type="logits"
    )
    wanted = -logits.log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    torch.testing.assert_close(got, wanted.detach(), **CLOSE)
    assert (got - found.nll).abs().max() > 1e-3, "the cut does something"


def test_edges_of_two_layers_are_cut_together(tokens):
    """The writer in layer 1 writes something else once its own keys are cut."""
    model = random_model(n_layers=3)
    found = run(model, tokens)
    instead = means([found], "mean")
    both = cut_nll(model, found, [(L1H0, L0H0), ((2, 0), L1H0)], instead)
    assert (both - cut_nll(model, found, [(L1H0, L0H0)], instead)).abs().max() > 1e-4
    with torch.no_grad():
        # L1H0 cut from its writer, in the weights: as if it had always been so.
        changed = found.resids[1] - found.outs[0][0] + instead.outs[0][0]
        block = model.layers[1]
        z = Layer(model, 1, found.resids[1]).z
        q, _ = block.attn.qk(block.ln1(found.resids[1]))
        _, k = block.attn.qk(block.ln1(changed))
        v = block.attn.values(block.ln1(found.resids[1]))
        scores = (q[:, 0] @ k[:, 0].mT) / model.arch.d_head**0.5
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        z[:, 0] = scores.masked_fill(future, -torch.inf).softmax(-1) @ v[:, 0]
        resid = found.resids[1] + block.attn.out(z)
        last = model.layers[2]
        keys = resid - block.attn.head_out(z, 0) + instead.outs[1][0]
        z2 = Layer(model, 2, resid).z
        q, _ = last.attn.qk(last.ln1(resid))
        _, k = last.attn.qk(last.ln1(keys))
        v = last.attn.values(last.ln1(resid))
        scores = (q[:, 0] @ k[:, 0].mT) / model.arch.d_head**0.5
        z2[:, 0] = scores.masked_fill(future, -torch.inf).softmax(-1) @ v[:, 0]
        logits = model.head(model.ln_out(resid + last.attn.out(z2)))
        wanted = -logits.log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    torch.testing.assert_close(both, wanted, **CLOSE)


def test_means_do_not_depend_on_how_sequences_are_batched(tokens):
    model = random_model()
    whole = means([run(model, tokens)], "mean")
    parts = means([run(model, part) for part in tokens.split(1)], "mean")
    for name in ("outs", "mlps"):
        for a, b in zip(getattr(whole, name), getattr(parts, name), strict=True):
            torch.testing.assert_close(a, b, **CLOSE)
    assert all(own.abs().max() == 0 for own in means([run(model, tokens)], "zero").outs)


# The circuit, named.


def read(model, probe, kinds, cut):
    scales = residual.stream(model, probe).scales.mean((1, 2))
    found = token_circuits.circuits(model, scales)
    heads = {
        head: Behaviour(kind, 1.0 if kind == "previous_token" else 0.0, 0.9, 1.0)
        for head, kind in kinds.items()
    }
    by_position = {head: own.previous_token for head, own in heads.items()}
    edges = [((1, h), (0, g)) for h in range(2) for g in range(2)]
    vocab = Vocabulary([], np.ones(V, np.int64), torch.arange(1, V))
    rows = edge_rows(edges, found, by_position, heads, cut, RULE, BEHAVES, vocab)
    return rows, reason(rows, heads, RULE, BEHAVES)


KNOWN = {L0H0: "previous_token", L0H1: "other", L1H0: "induction", L1H1: "other"}


def test_the_hand_built_circuit_is_named(induction_model, probe):
    rows, why = read(induction_model, probe, KNOWN, [2.0, 0.0, 0.0, 0.0])
    assert circuit_of(rows) == CIRCUIT
    assert why == ""


def test_all_evidence_is_asked_for(induction_model, probe):
    """One piece of evidence taken away at a time: no circuit, and the reason says which."""
    rows, why = read(induction_model, probe, KNOWN, [0.0, 0.0, 0.0, 0.0])
    assert circuit_of(rows) == [] and "nats of ICL without it 0, below 0.05" in why
    rows, why = read(induction_model, probe, {**KNOWN, L0H0: "other"}, [2.0, 0.0, 0.0, 0.0])
    assert circuit_of(rows) == [] and "attention to the previous token" in why
    rows, why = read(induction_model, probe, {**KNOWN, L1H0: "other"}, [2.0, 0.0, 0.0, 0.0])
    assert circuit_of(rows) == [] and why == "no induction head"
    with torch.no_grad():
        induction_model.layers[1].attn.k.weight.zero_()
    rows, why = read(induction_model, probe, KNOWN, [2.0, 0.0, 0.0, 0.0])
    assert circuit_of(rows) == [] and "K circuit on the diagonal 0, below 0.1" in why
    assert why.startswith("L0H0>L1H0 is closest")


def test_one_layer_has_no_edges():
    assert "one layer" in reason([], {}, RULE, BEHAVES)
