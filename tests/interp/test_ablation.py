"""Head ablations: against a hand-built circuit, and against TransformerLens hooks."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from induction.config.ablations import AblationSettings
from induction.config.errors import ParamsError
from induction.config.strict import parse
from induction.interp.ablation import ablated_nll, head_outputs, substitutes
from induction.interp.losses import token_nll
from induction.interp.probes import repeated_blocks
from induction.models.bridge import bridge
from tests.conftest import BLOCK, REPEATS, V

BOTH = ("full", "pattern")
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def replaced(model, tokens, modes, replacement):
    """Losses with the replacement made from the same sequences."""
    if replacement == "zero":
        return ablated_nll(model, tokens, modes)
    return ablated_nll(model, tokens, modes, substitutes(head_outputs(model, tokens), replacement))


def test_every_head_once_in_every_mode(any_model, tokens):
    n_layers, n_heads = any_model.arch.n_layers, any_model.arch.n_heads
    expected = {(-1, -1, "none")}
    for layer in range(n_layers):
        expected |= {(layer, head, mode) for head in range(n_heads) for mode in ("full", "pattern")}
    assert set(ablated_nll(any_model, tokens, BOTH)) == expected


@pytest.mark.parametrize("replacement", ["zero", "mean", "resample"])
def test_hand_built_circuit_dies_without_either_head(induction_model, replacement):
    """Full ablation of either head kills the copying. Preserving patterns, the previous-token
    head is not needed: all it does is steer the induction head's pattern."""
    tokens = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)
    by_ablation = replaced(induction_model, tokens, BOTH, replacement)
    losses = {key: nll[:, BLOCK + 1 :].mean().item() for key, nll in by_ablation.items()}
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


def put(head, substitute):
    """A hook on `hook_z`, [batch, pos, head, d_head]."""

    def hook(z, hook):
        z = z.clone()
        z[:, :, head] = substitute(z[:, :, head])
        return z

    return hook


SUBSTITUTE = {
    "zero": torch.zeros_like,
    "mean": lambda z: z.mean((0, 1), keepdim=True).expand_as(z),
    "resample": lambda z: torch.stack([z[(i + 1) % len(z)] for i in range(len(z))]),
}


@pytest.mark.parametrize("replacement", list(SUBSTITUTE))
def test_full_ablation_against_hooks(any_model, tokens, replacement):
    lens = bridge(any_model, "oracle")
    got = replaced(any_model, tokens, ("full",), replacement)
    with torch.no_grad():
        torch.testing.assert_close(got[-1, -1, "none"], hooked_nll(lens, tokens, []))
        for layer in range(any_model.arch.n_layers):
            for head in range(any_model.arch.n_heads):
                hook = put(head, SUBSTITUTE[replacement])
                expected = hooked_nll(lens, tokens, [(f"blocks.{layer}.attn.hook_z", hook)])
                torch.testing.assert_close(got[layer, head, "full"], expected, **CLOSE)


@pytest.mark.parametrize("replacement", list(SUBSTITUTE))
def test_pattern_preserving_ablation_against_frozen_patterns(any_model, tokens, replacement):
    lens = bridge(any_model, "oracle")
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(any_model.arch.n_layers)]
    got = replaced(any_model, tokens, ("pattern",), replacement)
    with torch.no_grad():
        _, cache = lens.run_with_cache(tokens[:, :-1], names_filter=lambda name: name in names)
        freeze = [(name, lambda _, hook, kept=cache[name]: kept) for name in names]
        for layer in range(any_model.arch.n_layers):
            for head in range(any_model.arch.n_heads):
                hook = put(head, SUBSTITUTE[replacement])
                hooks = [*freeze, (f"blocks.{layer}.attn.hook_z", hook)]
                expected = hooked_nll(lens, tokens, hooks)
                torch.testing.assert_close(got[layer, head, "pattern"], expected, **CLOSE)


def test_the_two_modes_differ_only_where_a_layer_follows(any_model, tokens):
    got = ablated_nll(any_model, tokens, BOTH)
    last = any_model.arch.n_layers - 1
    assert torch.equal(got[last, 0, "full"], got[last, 0, "pattern"])
    assert not torch.allclose(got[0, 0, "full"], got[0, 0, "pattern"], atol=1e-4)
    assert torch.equal(got[-1, -1, "none"], token_nll(any_model, tokens))


def test_nothing_changes_where_all_sequences_are_alike(any_model, tokens):
    """The next sequence's output is then the same."""
    losses = replaced(any_model, tokens[:1].expand(3, -1), ("full",), "resample")
    for key, nll in losses.items():
        torch.testing.assert_close(nll, losses[-1, -1, "none"], msg=str(key), **CLOSE)


def test_substitutes_by_hand():
    """Two sequences, one head of one dimension, three positions."""
    z = torch.tensor([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]])[:, None, :, None]
    (mean,), (resample,) = substitutes([z], "mean"), substitutes([z], "resample")
    torch.testing.assert_close(mean, torch.full((2, 1, 3, 1), 4.0))
    torch.testing.assert_close(resample, z.flip(0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"replacements": ("mean",)}, r"ablations\.replacements: .*zero among them"),
        ({"replacements": ("zero", "zero")}, r"ablations\.replacements: .*each once"),
        ({"other_sequences": 1}, r"ablations\.other_sequences: found 1, expected at least 2"),
        ({"other_sequences": 33}, r"ablations\.other_sequences: .*\.sequences = 32"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(changed, message):
    settings = {"sequences": 32, "other_sequences": 8, "modes": BOTH, "replacements": ("zero",)}
    parse(AblationSettings, settings, "ablations")
    with pytest.raises(ParamsError, match=message):
        parse(AblationSettings, settings | changed, "ablations")


def test_rows_are_counted():
    every = AblationSettings(32, 8, BOTH, ("zero", "mean", "resample"))
    assert every.others == ("mean", "resample")
    # The whole model, then 8 heads × 2 modes: zero on all sequences, two others on a few.
    assert every.rows(8) == 32 + 8 * 2 * (32 + 2 * 8)
    assert AblationSettings(32, 8, ("full",), ("zero",)).rows(4) == 32 + 4 * 32
