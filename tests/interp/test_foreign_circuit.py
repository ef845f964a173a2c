"""The hand-built induction circuit in GPT-2's format, read as others' models are."""

import numpy as np
import pytest
import torch

from induction.config.heads import KindThresholds
from induction.interp.ablation import ablated_nll
from induction.interp.attention_scores import (
    copying,
    patterns,
    prefix_matching,
    previous_token,
    same_token_attention,
)
from induction.interp.composition import orientations
from induction.interp.head_scores import (
    composition_columns,
    head_columns,
    scores_of_heads,
    scores_of_sequences,
)
from induction.interp.losses import token_nll
from induction.interp.probes import Probe, distinct_tokens, gapped_blocks, repeated_blocks
from induction.interp.weights import folded
from induction.models.foreign import ForeignModel
from induction.models.foreign_architectures import foreign_model
from induction.models.workers import Workers
from tests.conftest import BLOCK, LOUD, OUT, REPEATS, TOKEN, WIDTH, V
from tests.exported import as_gpt2

USABLE = np.arange(1, V)
THRESHOLDS = KindThresholds(0.3, 0.3, 0.5)
KINDS = {(0, 0): "previous_token", (0, 1): "other", (1, 0): "induction", (1, 1): "other"}


@pytest.fixture
def theirs(induction_model):
    """GPT-2, with the weights in its own layout; its MLPs compute, and write nothing."""
    return as_gpt2(induction_model)


@pytest.fixture
def circuit(theirs) -> ForeignModel:
    return foreign_model(theirs, V)


@pytest.fixture
def fixed() -> Probe:
    return Probe.whole(repeated_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS))


@pytest.fixture
def gapped() -> Probe:
    return gapped_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS, max_gap=5)


@torch.no_grad()
def test_the_circuit_stands_in_the_layout_of_gpt2(theirs, fixed):
    """Its own forward pass, which knows nothing of ours, predicts the repeats."""
    assert theirs.transformer.h[0].attn.c_attn.weight.shape == (WIDTH, 3 * WIDTH)
    assert theirs.transformer.wte.weight[:, TOKEN : TOKEN + V].equal(torch.eye(V))
    assert theirs.lm_head.weight[:, OUT : OUT + V].equal(LOUD * torch.eye(V))
    assert theirs.transformer.h[0].mlp.c_fc.weight.abs().max() > 0
    logits = theirs(fixed.tokens).logits[:, BLOCK + 1 : -1]
    assert (logits.argmax(-1) == fixed.tokens[:, BLOCK + 2 :]).float().mean() > 0.99


def test_heads_attend_as_built(circuit, fixed, gapped):
    first, second = patterns(circuit, fixed.tokens)
    assert previous_token(first)[0] == pytest.approx(1, abs=0.01)
    assert prefix_matching(second, *fixed)[0] == pytest.approx(1, abs=0.01)
    assert same_token_attention(second, *fixed)[0] < 0.01, "the -1 control"
    assert prefix_matching(first, *fixed).max() < 0.35
    assert previous_token(second).max() < 0.35
    over_gaps = patterns(circuit, gapped.tokens)[1]
    assert prefix_matching(over_gaps, *gapped)[0] == pytest.approx(1, abs=0.01)
    assert prefix_matching(over_gaps, *gapped)[1] < 0.35


def test_heads_have_their_names_and_the_second_copies(circuit, fixed, gapped):
    with Workers(torch.device("cpu")) as workers:
        probes = {"fixed": fixed, "gap": gapped, "text": fixed}
        scores = scores_of_sequences(circuit, probes, workers)
    sample = distinct_tokens(np.random.default_rng(0), USABLE, 5, BLOCK)
    rows = head_columns(scores_of_heads(circuit, scores, sample), THRESHOLDS)
    names = zip(rows["layer"].tolist(), rows["head"].tolist(), strict=True)
    assert dict(zip(names, rows["kind"], strict=True)) == KINDS
    assert copying(circuit, sample).share[1, 0] > 0.99
    assert int(rows["ov_positivity"].argmax()) == [*KINDS].index((1, 0))


@pytest.mark.parametrize("killed", [(0, 0), (1, 0)])
def test_the_circuit_dies_without_either_head(circuit, fixed, killed):
    """In full; with patterns held, the previous-token head has done its work already."""
    whole = token_nll(circuit, fixed.tokens)
    assert whole[:, :BLOCK].mean() > 2
    assert whole[:, BLOCK + 1 :].mean() < 0.2, "what was seen before is predicted"
    by_ablation = ablated_nll(circuit, fixed.tokens, ("full", "pattern"))
    losses = {key: nll[:, BLOCK + 1 :].mean().item() for key, nll in by_ablation.items()}
    assert losses[*killed, "full"] > 2
    assert (losses[*killed, "pattern"] > 2) == (killed == (1, 0))
    for layer in (0, 1):
        assert losses[layer, 1, "full"] == pytest.approx(losses[-1, -1, "none"], abs=1e-5)


def test_the_pair_composes_by_its_keys(circuit):
    cosines = orientations(100, circuit.d_model, circuit.d_head, 0)
    columns = composition_columns(folded(circuit), cosines, 0.975)
    best = int(columns["k"].argmax())
    names = ("layer", "head", "from_layer", "from_head")
    assert [int(columns[name][best]) for name in names] == [1, 0, 0, 0]
    assert columns["k"][best] > 2 * columns["k_high"][best] > 2 * columns["k_random"][best] > 0
    assert columns["k"][best] > max(columns["q"].max(), columns["v"].max())
