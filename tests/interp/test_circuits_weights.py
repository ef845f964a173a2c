"""Weights read: sums that must be whole, whole matrices, a circuit built by hand, known nulls."""

import math

import numpy as np
import pytest
import torch

from induction.config.icl import IclWindows
from induction.interp.attention_scores import patterns, repeated_blocks
from induction.interp.circuits import bigrams, positions, residual, rows, tokens
from induction.interp.circuits.tokens import Factored
from induction.interp.losses import token_nll
from induction.models.bridge import bridge
from induction.pipeline.settings import study_of
from induction.stats import checkpoint_selection
from induction.stats.change_points import PhaseWindow
from tests.conftest import BLOCK, KINDS, REPEATS, VOCAB, V, random_model
from tests.interp.test_weights import head_of, ln, roughened
from tests.project import Project

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture
def rough(any_model):
    return roughened(any_model)


def scales_of(model, inputs):
    return residual.stream(model, inputs).scales.mean((1, 2))


# The residual stream, added up.


def test_parts_add_up_to_the_logits_of_every_kind_of_model(rough, tokens):
    with torch.no_grad():
        whole = rough(tokens)
        parts = residual.logits_of_parts(rough, residual.stream(rough, tokens))
    torch.testing.assert_close(parts.sum(0), whole, **CLOSE)


def test_parts_are_what_heads_and_mlps_write(rough, tokens):
    found = residual.stream(rough, tokens)
    written = {name for _, name in found.names if not name.startswith("h")}
    wanted = {"embed", *["pos"] * (rough.arch.positions == "learned"), *["mlp"] * rough.arch.mlp}
    assert written == wanted
    for layer in range(rough.arch.n_layers):
        x = rough.layers[layer].ln1(found.before(layer))
        with torch.no_grad():
            z = rough.layers[layer].attn.pattern(x) @ rough.layers[layer].attn.values(x)
            wanted = rough.layers[layer].attn.head_out(z, 2)
        got = found.parts[found.names.index((layer, "h2"))]
        torch.testing.assert_close(got, wanted, **CLOSE)


def test_attribution_is_a_part_of_the_logits(rough, tokens):
    found = residual.stream(rough, tokens)
    W_U, rng = rough.head.weight.detach(), torch.Generator().manual_seed(1)
    right, wrong = (torch.randint(0, VOCAB, tokens.shape, generator=rng) for _ in range(2))
    names, got = residual.attribution(rough, found, W_U[right] - W_U[wrong])
    assert names == [*found.names, (rough.arch.n_layers, "bias")]
    logits = residual.logits_of_parts(rough, found)

    def of(which):
        return logits.gather(-1, which.expand(len(names), *which.shape)[..., None])[..., 0]

    torch.testing.assert_close(got, of(right) - of(wrong), **CLOSE)


def test_the_lens_ends_with_the_model(rough, tokens):
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    found = residual.stream(rough, inputs)
    loss, accuracy, kl = residual.lens(rough, found, targets)[-1]
    with torch.no_grad():
        logits = rough(inputs)
        torch.testing.assert_close(loss, token_nll(rough, tokens), **CLOSE)
        assert (accuracy == (logits.argmax(-1) == targets)).all()
        assert kl.abs().max() < 1e-4
        early = rough.head(rough.ln_out(rough.embedding(inputs)))
    first = residual.lens(rough, found, targets)[0]
    wanted = torch.nn.functional.cross_entropy(early.flatten(0, 1), targets.flatten())
    assert first[0].mean().item() == pytest.approx(wanted.item(), rel=1e-4)
    wanted = torch.nn.functional.kl_div(
        early.log_softmax(-1), logits.log_softmax(-1), log_target=True, reduction="none"
    ).sum(-1)
    torch.testing.assert_close(first[2], wanted, **CLOSE)


def test_orders_go_from_the_direct_path_to_the_model(rough, tokens):
    found = residual.orders_nll(rough, tokens)
    assert len(found) == rough.arch.n_layers + 1
    with torch.no_grad():
        direct = rough.head(rough.ln_out(rough.embedding(tokens[:, :-1]))).log_softmax(-1)
    wanted = -direct.gather(-1, tokens[:, 1:, None])[..., 0]
    torch.testing.assert_close(found[0], wanted, **CLOSE)
    torch.testing.assert_close(found[-1], token_nll(rough, tokens), **CLOSE)


def test_without_v_composition_the_first_order_is_all(tokens):
    """Heads of layer 1 whose values cannot read what layer 0 writes, and LayerNorms that leave the
    scale alone: one head in a row is all there is."""
    model = random_model()
    with torch.no_grad():
        first, second = model.layers
        # Layer 0 writes into the last half, layer 1 reads values from the first, which holds E.
        model.tok_embed.weight[:, 16:] = 0
        first.attn.o.weight[:16] = 0
        second.attn.v.weight[:, 16:] = 0
        for norm in (first.ln1, second.ln1, model.ln_out):
            norm.forward = lambda x: x
    found = residual.orders_nll(model, tokens)
    torch.testing.assert_close(found[1], found[2], **CLOSE)
    assert (found[0] - found[1]).abs().max() > 1e-2
    with torch.no_grad():
        second.attn.v.weight[:, 16:] = 1.0
    found = residual.orders_nll(model, tokens)
    assert (found[1] - found[2]).abs().max() > 1e-2


# Token circuits.


def factored(rows, columns, rank, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return Factored(
        torch.randn(rows, rank, generator=rng, dtype=torch.float64),
        torch.randn(columns, rank, generator=rng, dtype=torch.float64),
    )


@pytest.mark.parametrize("block", [1, 100, 1 << 20])
def test_factored_matrices_against_whole_ones(monkeypatch, block):
    monkeypatch.setattr(tokens, "BLOCK", block)
    own = factored(40, 40, 5)
    whole = own.left @ own.right.T
    share, above = own.diagonal()
    better = (whole > whole.diagonal()[:, None]).sum(1)
    assert share == (better == 0).double().mean().item()
    assert above == pytest.approx((better / 39).mean().item())
    best, which, values = own.top(3, 2)
    wanted = whole.topk(2, 1)
    order = wanted.values[:, 0].argsort(descending=True)[:3]
    assert (best == order).all() and (which == wanted.indices[order]).all()
    torch.testing.assert_close(values, wanted.values[order])
    singular = torch.linalg.svdvals(whole) ** 2
    assert own.effective_rank() == pytest.approx((singular.sum() ** 2 / (singular**2).sum()).item())
    weight = torch.rand(40, dtype=torch.float64)
    centred = own.centred(weight)
    mean = (whole * weight).sum(1, keepdim=True) / weight.sum()
    torch.testing.assert_close(centred.left @ centred.right.T, whole - mean)


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
    found, W_E = tokens.circuits(rough, scales), rough.tok_embed.weight.detach().double()
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
            ov = found.ov(layer, head)
            torch.testing.assert_close(
                ov.left @ ov.right.T, logits - logits.mean(1, keepdim=True), **CLOSE
            )
            kept = found.kept[layer, head]
            if arch.smeared_keys:
                gate = rough.layers[layer].attn.smear_gate[head].detach().sigmoid().double()
                assert kept.item() == pytest.approx(gate.item())
            scores = x @ of("q").T @ of("k") @ x.T / math.sqrt(arch.d_head)
            qk, smeared = found.qk(layer, head), found.smeared(layer, head)
            torch.testing.assert_close(qk.left @ qk.right.T, kept * scores, **CLOSE)
            torch.testing.assert_close(smeared.left @ smeared.right.T, (1 - kept) * scores, **CLOSE)
            for before in range(layer):
                source = ln(W_E, rough.layers[before].ln1) * scales[before].item()
                if before == 0 and arch.positions != "learned":
                    source = rough.layers[0].ln1(rough.tok_embed.weight).detach().double()
                written = (
                    source @ head_of(rough, "v", before, 1).T @ head_of(rough, "o", before, 1).T
                )
                keys = ln(written, rough.layers[layer].ln1) * scales[layer].item() @ of("k").T
                k = found.k((layer, head), (before, 1))
                torch.testing.assert_close(
                    k.left @ k.right.T, x @ of("q").T @ keys.T / math.sqrt(arch.d_head), **CLOSE
                )


def test_ov_and_qk_products_are_those_of_transformer_lens(any_model):
    """With LayerNorms of gain one on rows of mean zero and scale one, nothing is folded."""
    model = any_model
    with torch.no_grad():
        W_E = model.tok_embed.weight
        W_E.copy_((W_E - W_E.mean(1, keepdim=True)) / W_E.std(1, False, keepdim=True))
        model.head.weight.copy_(model.head.weight - model.head.weight.mean(1, keepdim=True))
        model.head.weight.copy_(model.head.weight - model.head.weight.mean(0))
    found = tokens.circuits(model, torch.ones(model.arch.n_layers + 1))
    other = bridge(model, "test")
    W_E = model.tok_embed.weight.detach().double()
    for layer in range(model.arch.n_layers):
        for head in range(model.arch.n_heads):
            ov, qk = found.ov(layer, head), found.qk(layer, head)
            OV = (other.W_V[layer, head] @ other.W_O[layer, head]).detach().double()
            wanted = W_E @ OV @ other.W_U.detach().double()
            torch.testing.assert_close(ov.left @ ov.right.T, wanted, **CLOSE)
            QK = (other.W_Q[layer, head] @ other.W_K[layer, head].T).detach().double()
            wanted = found.kept[layer, head] * W_E @ QK @ W_E.T / math.sqrt(model.arch.d_head)
            torch.testing.assert_close(qk.left @ qk.right.T, wanted, **CLOSE)


def test_the_hand_built_circuit_is_read_as_built(induction_model):
    probe = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)
    found = tokens.circuits(induction_model, scales_of(induction_model, probe))
    weight = torch.ones(V, dtype=torch.float64)
    assert found.k((1, 0), (0, 0)).centred(weight).diagonal() == (1, 0), "K-composition matches"
    assert found.k((1, 0), (0, 1)).centred(weight).diagonal()[0] == 0, "nothing is written there"
    assert found.ov(1, 0).diagonal() == (1, 0), "it copies"
    assert found.ov(0, 0).diagonal()[0] == 0, "what L0H0 writes is not read by the logits"
    # One direction less than tokens: the mean of all is centred away.
    assert found.ov(1, 0).effective_rank() == pytest.approx(V - 1, rel=1e-3)
    first = positions.position_patterns(
        induction_model, 0, 1 / math.sqrt(2 / induction_model.arch.d_model)
    )
    previous = positions.by_offset(first, 3)[:, 1]
    assert previous[0] > 0.99 and previous[1] < 0.15, "L0H0 is a previous-token head by its weights"


def test_the_smeared_circuit_is_read_as_built(smeared_induction_model):
    probe = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)
    found = tokens.circuits(smeared_induction_model, scales_of(smeared_induction_model, probe))
    weight = torch.ones(V, dtype=torch.float64)
    assert found.smeared(0, 0).centred(weight).diagonal() == (1, 0)
    assert found.ov(0, 0).diagonal() == (1, 0)
    assert found.kept[0, 0] < 1e-6


# Positions.


@pytest.mark.parametrize("kind", ["attn", "smeared", "rotary", "smeared rotary"])
def test_without_content_the_pattern_is_the_position_circuit_s(kind):
    """All tokens alike, and for sinusoids nothing at all."""
    model = random_model(**KINDS[kind])
    with torch.no_grad():
        model.tok_embed.weight.copy_(model.tok_embed.weight[:1].expand_as(model.tok_embed.weight))
        if model.arch.positions == "qk_sinusoidal":
            model.layers[0].ln1.weight.zero_()
    inputs = torch.zeros(1, model.n_ctx, dtype=torch.long)
    got = positions.position_patterns(model, 0, 1.0)
    torch.testing.assert_close(got, patterns(model, inputs)[0][0], **CLOSE)
    assert positions.inexact_positions(model, 0) == (
        ""
        if "rotary" not in kind
        else "rotary positions have no term of their own: shown for the mean token"
    )


def test_offsets_on_a_worked_example():
    pattern = torch.tensor([[1.0, 0, 0], [0.25, 0.75, 0], [0.5, 0.3, 0.2]])
    torch.testing.assert_close(
        positions.by_offset(pattern, 3), torch.tensor([(1 + 0.75 + 0.2) / 3, 0.275, 0.5])
    )


# The direct path.


def test_bigrams_are_counted():
    stream = np.array([0, 1, 2, 1, 2, 3, 1, 1], np.uint16)
    found = bigrams.bigrams(stream, np.bincount(stream, minlength=5), 2)
    assert found.sources.tolist() == [1, 2], "most common first, no end of text"
    assert found.counts.tolist() == [[0, 1, 2, 0, 0], [0, 1, 0, 1, 0]]


def test_a_model_of_the_bigrams_agrees_with_them():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 50, (6, 9))
    unigram = counts.sum(0)
    found = bigrams.Bigrams(np.arange(6), counts, unigram)
    exact = np.log(counts / counts.sum(1, keepdims=True))
    got = bigrams.agreement(exact, found)
    assert got.kl == pytest.approx(0, abs=1e-12)
    assert got.rank_correlation == pytest.approx(1)
    assert got.same_first == 1
    assert got.kl_unigram > 0.05
    flat = np.log(np.tile(unigram / unigram.sum(), (6, 1)))
    assert bigrams.agreement(flat, found).kl == pytest.approx(got.kl_unigram)
    assert bigrams.agreement(-exact, found).rank_correlation == pytest.approx(-1)


def test_the_direct_path_is_the_model_without_its_heads(any_model, tokens):
    model = any_model
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".attn.o." in name or "mlp" in name or name == "pos.weight":
                weight.zero_()
    inputs = tokens[:1, :1]
    scale = residual.stream(model, inputs).scales[-1].item()
    got = bigrams.direct_log_probs(model, inputs[0].numpy(), scale)
    with torch.no_grad():
        wanted = model(inputs)[0].double().log_softmax(-1)
    torch.testing.assert_close(got, wanted, **CLOSE)


# Which checkpoints, which positions.


def test_readings_name_the_window_or_quarters():
    steps = np.array([0, 10, 20, 30, 40, 50, 70])
    wanted = ("first", "start", "middle", "end", "last")
    window = PhaseWindow(1, 3, 6, 0.4, True)
    assert checkpoint_selection.readings(steps, window, wanted) == {
        0: "first", 10: "start", 30: "middle", 70: "end, last",
    }  # fmt: skip
    none = PhaseWindow(1, 3, 6, 0.1, False)
    assert checkpoint_selection.readings(steps, none, wanted) == {
        0: "first", 20: "25 %", 30: "50 %", 50: "75 %", 70: "last",
    }  # fmt: skip
    assert checkpoint_selection.readings(steps, window, ("last",)) == {70: "last"}


def test_the_window_is_that_of_the_published_rule():
    steps, tokens_per_step = np.arange(0, 30), 100
    icl = -0.6 / (1 + np.exp(-(steps - 15.0)))
    high = np.full(30, -0.1)
    rule = study_of(Project.committed()).phases
    found = checkpoint_selection.window_of(steps, icl, high, tokens_per_step, rule)
    assert found.is_phase_change and found.first < found.peak < found.last
    assert found.peak in (14, 15) and found.drop == pytest.approx(0.6, abs=0.1)
    above = np.append(high[:-1], 0.01)
    assert not checkpoint_selection.window_of(
        steps, icl, above, tokens_per_step, rule
    ).is_phase_change


def test_spans_are_where_they_say():
    own = rows.spans_of_text(IclWindows((4, 6), (30, 40)), 48)
    assert own == {"text": slice(0, 47), "text_early": slice(4, 7), "text_late": slice(30, 41)}
    probe = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 1, BLOCK, REPEATS)
    own = rows.spans_of_probe(BLOCK, probe.shape[1])
    targets = probe[0, 1:]
    first, again = targets[own["random_first"]], targets[own["random_again"]]
    assert first.tolist() == probe[0, 2 : BLOCK + 1].tolist()
    # Every token from the second of the second repeat on, up to the last.
    assert again.tolist() == probe[0, BLOCK + 2 :].tolist()
