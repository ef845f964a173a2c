"""The residual stream: parts that add up, the lens, orders, and the spans of their tables."""

import numpy as np
import pytest
import torch

from induction.config.icl import IclWindows
from induction.interp.circuits import residual
from induction.interp.circuits.residual import spans_of_probe, spans_of_text
from induction.interp.losses import token_nll
from induction.interp.probes import repeated_blocks
from tests.conftest import BLOCK, REPEATS, VOCAB, V, random_model
from tests.interp.test_weights import roughened

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture
def rough(any_model):
    return roughened(any_model)


def test_parts_add_up_to_the_logits_of_every_kind_of_model(rough, tokens):
    with torch.no_grad():
        whole = rough(tokens)
        parts = residual.logits_of_parts(rough, residual.decompose(rough, tokens))
    torch.testing.assert_close(parts.sum(0), whole, **CLOSE)


def test_parts_are_what_heads_and_mlps_write(rough, tokens):
    stream = residual.decompose(rough, tokens)
    written = {name for _, name in stream.names if not name.startswith("h")}
    expected = {"embed", *["pos"] * (rough.arch.positions == "learned"), *["mlp"] * rough.arch.mlp}
    assert written == expected
    for layer in range(rough.arch.n_layers):
        x = rough.layers[layer].ln1(stream.before(layer))
        with torch.no_grad():
            attn = rough.layers[layer].attn
            z = attn.pattern(*attn.qk(x)) @ attn.values(x)
            wanted = rough.layers[layer].attn.head_out(z, 2)
        got = stream.parts[stream.names.index((layer, "h2"))]
        torch.testing.assert_close(got, wanted, **CLOSE)


def test_attribution_is_a_part_of_the_logits(rough, tokens):
    stream = residual.decompose(rough, tokens)
    W_U, rng = rough.head.weight.detach(), torch.Generator().manual_seed(1)
    right, wrong = (torch.randint(0, VOCAB, tokens.shape, generator=rng) for _ in range(2))
    names, got = residual.attribution(rough, stream, W_U[right] - W_U[wrong])
    assert names == [*stream.names, (rough.arch.n_layers, "bias")]
    logits = residual.logits_of_parts(rough, stream)

    def of(which):
        return logits.gather(-1, which.expand(len(names), *which.shape)[..., None])[..., 0]

    torch.testing.assert_close(got, of(right) - of(wrong), **CLOSE)


def test_the_lens_ends_with_the_model(rough, tokens):
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    stream = residual.decompose(rough, inputs)
    loss, accuracy, kl = residual.lens(rough, stream, targets)[-1]
    with torch.no_grad():
        logits = rough(inputs)
        torch.testing.assert_close(loss, token_nll(rough, tokens), **CLOSE)
        assert (accuracy == (logits.argmax(-1) == targets)).all()
        assert kl.abs().max() < 1e-4
        early = rough.head(rough.ln_out(rough.embedding(inputs)))
    first = residual.lens(rough, stream, targets)[0]
    wanted = torch.nn.functional.cross_entropy(early.flatten(0, 1), targets.flatten())
    assert first[0].mean().item() == pytest.approx(wanted.item(), rel=1e-4)
    wanted = torch.nn.functional.kl_div(
        early.log_softmax(-1), logits.log_softmax(-1), log_target=True, reduction="none"
    ).sum(-1)
    torch.testing.assert_close(first[2], wanted, **CLOSE)


def test_orders_go_from_the_direct_path_to_the_model(rough, tokens):
    losses = residual.orders_nll(rough, tokens)
    assert len(losses) == rough.arch.n_layers + 1
    with torch.no_grad():
        direct = rough.head(rough.ln_out(rough.embedding(tokens[:, :-1]))).log_softmax(-1)
    wanted = -direct.gather(-1, tokens[:, 1:, None])[..., 0]
    torch.testing.assert_close(losses[0], wanted, **CLOSE)
    torch.testing.assert_close(losses[-1], token_nll(rough, tokens), **CLOSE)


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
    losses = residual.orders_nll(model, tokens)
    torch.testing.assert_close(losses[1], losses[2], **CLOSE)
    assert (losses[0] - losses[1]).abs().max() > 1e-2
    with torch.no_grad():
        second.attn.v.weight[:, 16:] = 1.0
    losses = residual.orders_nll(model, tokens)
    assert (losses[1] - losses[2]).abs().max() > 1e-2


def test_spans_are_where_they_say():
    spans = spans_of_text(IclWindows((4, 6), (38, 40)), 48)
    assert spans == {"text": slice(0, 47), "text_early": slice(4, 7), "text_late": slice(38, 41)}
    probe = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 1, BLOCK, REPEATS)
    spans = spans_of_probe(BLOCK, probe.shape[1])
    targets = probe[0, 1:]
    first, again = targets[spans["random_first"]], targets[spans["random_again"]]
    assert first.tolist() == probe[0, 2 : BLOCK + 1].tolist()
    # Every token from the second of the second repeat on, up to the last.
    assert again.tolist() == probe[0, BLOCK + 2 :].tolist()
