"""Head ablations: against a hand-built circuit, and against TransformerLens hooks."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stages.lens import bridge
from stages.lib.ablation import ablated_nll
from stages.lib.circuits import repeated_blocks
from stages.lib.nll import token_nll
from tests.conftest import BLOCK, REPEATS, V

BOTH = ("full", "pattern")


def test_every_head_once_in_every_mode(any_model, tokens):
    n_layers, n_heads = any_model.arch.n_layers, any_model.arch.n_heads
    wanted = {(-1, -1, "none")}
    for layer in range(n_layers):
        wanted |= {(layer, head, mode) for head in range(n_heads) for mode in ("full", "pattern")}
    assert set(ablated_nll(any_model, tokens, BOTH)) == wanted


def test_hand_built_circuit_dies_without_either_head(induction_model):
    """Full ablation of either head kills the copying. Preserving patterns, the previous-token
    head is not needed: all it does is steer the induction head's pattern."""
    tokens = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)
    found = ablated_nll(induction_model, tokens, BOTH)
    losses = {key: own[:, BLOCK + 1 :].mean().item() for key, own in found.items()}
    assert losses[-1, -1, "none"] < 0.2
    assert losses[0, 0, "full"] > 2
    assert losses[0, 0, "pattern"] == pytest.approx(losses[-1, -1, "none"], abs=0.05)
    assert losses[1, 0, "full"] > 2
    assert losses[1, 0, "pattern"] > 2
    for layer in (0, 1):
        assert losses[layer, 1, "full"] == pytest.approx(losses[-1, -1, "none"], abs=1e-5)


def hooked_nll(model, tokens, hooks):
    logits = model.run_with_hooks(tokens[:, :-1], fwd_hooks=hooks)
    return F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")


def without(head):
    def hook(z, hook):
        z = z.clone()
        z[:, :, head] = 0
        return z

    return hook


def test_full_ablation_against_hooks(any_model, tokens):
    lens = bridge(any_model, "oracle")
    got = ablated_nll(any_model, tokens, ("full",))
    with torch.no_grad():
        torch.testing.assert_close(got[-1, -1, "none"], hooked_nll(lens, tokens, []))
        for layer in range(any_model.arch.n_layers):
            for head in range(any_model.arch.n_heads):
                hooks = [(f"blocks.{layer}.attn.hook_z", without(head))]
                wanted = hooked_nll(lens, tokens, hooks)
                torch.testing.assert_close(got[layer, head, "full"], wanted, atol=1e-5, rtol=1e-5)


def test_pattern_preserving_ablation_against_frozen_patterns(any_model, tokens):
    lens = bridge(any_model, "oracle")
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(any_model.arch.n_layers)]
    got = ablated_nll(any_model, tokens, ("pattern",))
    with torch.no_grad():
        _, cache = lens.run_with_cache(tokens[:, :-1], names_filter=lambda name: name in names)
        freeze = [(name, lambda _, hook, kept=cache[name]: kept) for name in names]
        for layer in range(any_model.arch.n_layers):
            for head in range(any_model.arch.n_heads):
                hooks = [*freeze, (f"blocks.{layer}.attn.hook_z", without(head))]
                wanted = hooked_nll(lens, tokens, hooks)
                torch.testing.assert_close(
                    got[layer, head, "pattern"], wanted, atol=1e-5, rtol=1e-5
                )


def test_the_two_modes_differ_only_where_a_layer_follows(any_model, tokens):
    got = ablated_nll(any_model, tokens, BOTH)
    last = any_model.arch.n_layers - 1
    assert torch.equal(got[last, 0, "full"], got[last, 0, "pattern"])
    assert not torch.allclose(got[0, 0, "full"], got[0, 0, "pattern"], atol=1e-4)
    assert torch.equal(got[-1, -1, "none"], token_nll(any_model, tokens))
