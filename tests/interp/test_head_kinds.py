"""What heads are called: by the rule, and built by hand."""

import numpy as np
import pytest
import torch

from induction.config.heads import KindThresholds
from induction.interp.attention_scores import (
    patterns,
    prefix_matching,
    previous_token,
    same_token_attention,
)
from induction.interp.head_scores import kind_of
from induction.interp.losses import token_nll
from induction.interp.probes import Probe, gapped_blocks, repeated_blocks
from tests.conftest import BLOCK, LOUD, POSITION, REPEATS, SHARP, V, blank, copies

USABLE = np.arange(1, V)
THRESHOLDS = KindThresholds(induction=0.3, previous_token=0.3, shortcut=0.5)


@pytest.fixture
def positional_model():
    """One layer whose head 0 attends BLOCK - 1 positions back, wherever it is, and copies."""
    model = blank(n_layers=1, smeared_keys=False)
    back, n = BLOCK - 1, model.n_ctx
    with torch.no_grad():
        attn = model.layers[0].attn
        attn.q.weight[: n - back, POSITION + back : POSITION + n] = SHARP * torch.eye(n - back)
        attn.k.weight[:n, POSITION : POSITION + n] = torch.eye(n)
        copies(attn, V)
    return model


def kinds_of(model) -> list[list[str]]:
    rng = np.random.default_rng(0)
    fixed = Probe.whole(repeated_blocks(rng, USABLE, 5, BLOCK, REPEATS))
    gapped = gapped_blocks(rng, USABLE, 5, BLOCK, REPEATS, 5)
    return [
        [
            kind_of(*scores, THRESHOLDS)
            for scores in zip(
                prefix_matching(on_fixed, *fixed).tolist(),
                prefix_matching(on_gapped, *gapped).tolist(),
                same_token_attention(on_fixed, *fixed).tolist(),
                previous_token(on_fixed).tolist(),
                strict=True,
            )
        ]
        for on_fixed, on_gapped in zip(
            patterns(model, fixed.tokens), patterns(model, gapped.tokens), strict=True
        )
    ]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.9, 0.8, 0.1, 0.0), "induction"),
        ((0.3, 0.15, 0.1, 0.9), "induction"),
        ((0.29, 0.29, 0.1, 0.0), "other"),
        ((0.29, 0.29, 0.1, 0.3), "previous_token"),
        ((0.9, 0.44, 0.1, 0.0), "positional"),
        ((0.9, 0.44, 0.1, 0.9), "positional"),
        ((0.4, 0.4, 0.5, 0.0), "positional"),
        ((0.4, 0.4, 0.4, 0.0), "positional"),
        ((0.0, 0.0, 0.9, 0.29), "other"),
    ],
)
def test_the_rule(scores, expected):
    assert kind_of(*scores, THRESHOLDS) == expected


def test_hand_built_heads_have_their_names(induction_model, smeared_induction_model):
    assert kinds_of(induction_model) == [["previous_token", "other"], ["induction", "other"]]
    assert kinds_of(smeared_induction_model) == [["induction", "other"]]


def test_a_repeat_solved_by_position_is_not_called_induction(positional_model):
    assert kinds_of(positional_model) == [["positional", "other"]]
    fixed = repeated_blocks(np.random.default_rng(0), USABLE, 5, BLOCK, REPEATS)
    losses = token_nll(positional_model, fixed)
    assert losses[:, BLOCK + 1 :].mean() < 0.2, f"though it predicts repeats, at gain {LOUD}"
