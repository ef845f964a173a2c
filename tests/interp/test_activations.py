"""The forward pass read and edited layer by layer: against TransformerLens and the model itself."""

import pytest
import torch

from induction.interp.activations import Layer, Site, final_resid, layers
from induction.interp.losses import token_nll
from induction.models.bridge import bridge
from tests.interp.test_ablation import CLOSE, hooked_nll, put

# How TransformerLens names what is read here.
HOOKS = {
    "resid_pre": "hook_resid_pre",
    "v": "attn.hook_v",
    "pattern": "attn.hook_pattern",
    "z": "attn.hook_z",
    "resid_post": "hook_resid_post",
}


@pytest.mark.parametrize("name", list(HOOKS))
def test_activations_are_those_of_transformer_lens(any_model, tokens, name):
    with torch.no_grad():
        _, cache = bridge(any_model, "oracle").run_with_cache(tokens)
        for layer in layers(any_model, any_model.embedding(tokens)):
            expected = cache[f"blocks.{layer.index}.{HOOKS[name]}"]
            if name in ("v", "z"):
                expected = expected.unflatten(-1, (-1, 8)) if expected.dim() == 3 else expected
                expected = expected.transpose(1, 2)
            torch.testing.assert_close(getattr(layer, name), expected, **CLOSE)


def test_the_parts_of_a_layer_add_up(any_model, tokens):
    with torch.no_grad():
        for layer in layers(any_model, any_model.embedding(tokens)):
            attn_out = layer.resid_mid - layer.resid_pre
            torch.testing.assert_close(layer.result.sum(0), attn_out, **CLOSE)
            pattern = any_model.layers[layer.index].attn.pattern(layer.q, layer.k)
            torch.testing.assert_close(pattern @ layer.v, layer.z, **CLOSE)
            assert any_model.arch.mlp == bool(layer.mlp_out.abs().max() > 0)


def test_the_pass_is_the_model_from_any_layer_on(any_model, tokens):
    with torch.no_grad():
        expected = any_model(tokens)
        every = list(layers(any_model, any_model.embedding(tokens)))
        streams = [(layer.resid_pre, layer.index) for layer in every]
        for resid, start in [*streams, (every[-1].resid_post, len(every))]:
            final = final_resid(any_model, resid, start)
            assert torch.equal(any_model.head(any_model.ln_out(final)), expected)


def test_only_what_is_read_is_computed(any_model, tokens):
    with torch.no_grad():
        every = list(layers(any_model, any_model.embedding(tokens)))
    for layer in every:
        assert "pattern" not in vars(layer), "attention is fused"
    assert "z" not in vars(every[-1])


def test_edits_of_z_and_patterns_against_hooks(any_model, tokens):
    """A head removed in layer 0; in layer 1 one pattern rolled by a key and one head halved."""

    def roll(pattern, hook):
        pattern = pattern.clone()
        pattern[:, 1] = pattern[:, 1].roll(1, -1)
        return pattern

    hooks = [
        ("blocks.0.attn.hook_z", put(2, torch.zeros_like)),
        ("blocks.1.attn.hook_pattern", roll),
        ("blocks.1.attn.hook_z", put(3, lambda z: z / 2)),
    ]
    edits = {
        Site("z", 0, 2): 0.0,
        Site("pattern", 1, 1): lambda pattern: pattern.roll(1, -1),
        Site("z", 1, 3): lambda z: z / 2,
    }
    with torch.no_grad():
        expected = hooked_nll(bridge(any_model, "oracle"), tokens, hooks)
    torch.testing.assert_close(token_nll(any_model, tokens, edits), expected, **CLOSE)


def test_a_whole_layer_is_edited_like_its_heads(any_model, tokens):
    n_heads = any_model.arch.n_heads
    for name, edit in (("z", lambda z: z / 2), ("pattern", lambda p: p.roll(1, -1))):
        whole = token_nll(any_model, tokens, {Site(name, 1): edit})
        heads = token_nll(any_model, tokens, {Site(name, 1, head): edit for head in range(n_heads)})
        torch.testing.assert_close(whole, heads, **CLOSE)
    with torch.no_grad():
        second = list(layers(any_model, any_model.embedding(tokens)))[1]
        forced = Layer(any_model, 1, second.resid_pre, {Site("pattern", 1): second.pattern})
        torch.testing.assert_close(forced.z, second.z, **CLOSE)
        assert forced.pattern is second.pattern


@pytest.mark.parametrize("reader", ["q", "k", "v"])
def test_an_input_is_edited_in_one_head_alone(any_model, tokens, reader):
    """As if the layer ran on the other stream, but for one head and one of its three inputs."""
    with torch.no_grad():
        embed = any_model.embedding(tokens)
        one, other = Layer(any_model, 0, embed), Layer(any_model, 0, embed.roll(1, 0))
        edits = {Site(f"{reader}_input", 0, 2): lambda resid: resid.roll(1, 0)}
        for got in (Layer(any_model, 0, embed, edits), one.with_edits(edits)):
            parts = {name: getattr(one, name)[:, 2] for name in "qkv"}
            parts[reader] = getattr(other, reader)[:, 2]
            expected = one.z.clone()
            expected[:, 2] = any_model.layers[0].attn.z(*parts.values())
            torch.testing.assert_close(got.z, expected, **CLOSE)
            assert not torch.allclose(got.z[:, 2], one.z[:, 2], atol=1e-4)


def test_a_gate_of_infinity_leaves_keys_unsmeared(smeared_induction_model):
    tokens = torch.tensor([[0, 1, 2, 3, 1, 2, 3]])
    model = smeared_induction_model
    with torch.no_grad():
        edits = {Site("smear_gate", 0, 0): torch.inf}
        layer = Layer(model, 0, model.embedding(tokens), edits)
        expected = model.layers[0].attn.k(model.layers[0].ln1(layer.resid_pre))
        got = layer.k[:, 0]
        assert torch.equal(got, expected.unflatten(-1, (2, -1)).transpose(1, 2)[:, 0])


def test_an_edit_may_use_what_earlier_layers_gave(any_model, tokens):
    """Layer 1 reads layer 0's own input back: the edit is run after layer 0."""
    ran = []
    edits = {Site("k_input", 1, 0): lambda resid: resid - ran[0].result[3]}
    with torch.no_grad():
        for layer in layers(any_model, any_model.embedding(tokens), edits=edits):
            ran.append(layer)
        lone = Layer(any_model, 1, ran[0].resid_post - ran[0].result[3])
        torch.testing.assert_close(ran[1].k[:, 0], lone.k[:, 0])


@pytest.mark.parametrize(
    ("site", "message"), [(Site("z", 9, 0), "layers 0 …"), (Site("k_input", 0), "expected a head")]
)
def test_edits_that_would_do_nothing_are_refused(any_model, tokens, site, message):
    with pytest.raises(ValueError, match=message):
        token_nll(any_model, tokens, {site: 0.0})
