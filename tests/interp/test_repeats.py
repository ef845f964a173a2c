"""Losses on repeats: hand-built models, a model that knows nothing, and a naive loop."""

import math

import numpy as np
import pytest
import torch

from induction.interp.losses import repeat_losses, token_nll
from induction.interp.probes import Probe, gapped_blocks, repeated_blocks
from tests.conftest import T, V, random_model

USABLE = np.arange(1, V)
GAP, COUNT, REPEATS = 3, 5, 3


def fixed(block):
    return Probe.whole(repeated_blocks(np.random.default_rng(0), USABLE, COUNT, block, REPEATS))


def gapped(block):
    return gapped_blocks(np.random.default_rng(0), USABLE, COUNT, block, REPEATS, GAP)


# Of those that leave the gap probe other tokens, the ones whose probes fit the context.
LENGTHS = [block for block in range(2, V // 2) if 1 + REPEATS * (block + GAP) <= T]


@pytest.mark.parametrize("block", LENGTHS)
@pytest.mark.parametrize("probe", [fixed, gapped])
@pytest.mark.parametrize("name", ["induction_model", "smeared_induction_model"])
def test_hand_built_circuits_know_every_repeat(name, probe, block, request):
    losses = repeat_losses(request.getfixturevalue(name), *probe(block), REPEATS)
    assert losses.shape == (COUNT, REPEATS)
    assert losses[:, 0].mean() > 2
    assert losses[:, 1:].max() < 0.3


@pytest.mark.parametrize("probe", [fixed, gapped])
def test_a_model_that_knows_nothing_has_ln_v(probe):
    model = random_model()
    with torch.no_grad():
        model.head.weight.zero_()
    losses = repeat_losses(model, *probe(6), REPEATS)
    assert losses.flatten().tolist() == pytest.approx([math.log(50)] * COUNT * REPEATS)


@pytest.mark.parametrize("probe", [fixed, gapped])
def test_against_a_loop_over_tokens(probe):
    """Token t is predicted by loss t - 1; the first of a repeat is left out, BOS is none of it."""
    model, block = random_model(), 6
    tokens, in_block = probe(block)
    losses, got = token_nll(model, tokens), repeat_losses(model, *probe(block), REPEATS)
    for seq in range(COUNT):
        marked = [t for t in range(1, tokens.shape[1]) if in_block[seq, t]]
        for repeat in range(REPEATS):
            places = marked[repeat * block : (repeat + 1) * block]
            assert tokens[seq, places].tolist() == tokens[seq, marked[:block]].tolist()
            expected = np.mean([losses[seq, t - 1].item() for t in places[1:]])
            assert got[seq, repeat].item() == pytest.approx(expected, abs=1e-5)


def test_marking_bos_changes_nothing():
    tokens, in_block = fixed(6)
    without = in_block.clone()
    without[:, 0] = False
    model = random_model()
    assert torch.equal(
        repeat_losses(model, tokens, in_block, REPEATS),
        repeat_losses(model, tokens, without, REPEATS),
    )
