"""Checkpoints open in TransformerLens, and are the same model there.

What is refused: test_bridge_limits.py.
"""

import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from induction.config.errors import StageError
from induction.interp.activations import Site, layers
from induction.interp.losses import token_nll
from induction.interp.weights import folded, raw
from induction.models import checkpoints
from induction.models.bridge import bridge, open_in_transformer_lens
from induction.models.transformer import Transformer
from induction.pipeline.settings import study_of
from tests.conftest import KINDS, VOCAB, header_of, random_model
from tests.project import ROOT, Project

CLOSE = {"atol": 2e-5, "rtol": 0}


def as_trained(model: Transformer) -> Transformer:
    """With gains, biases and gates that training could have left."""
    rng = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(0.3 * torch.randn(weight.shape, generator=rng))
    return model


@pytest.fixture
def trained(any_model) -> Transformer:
    return as_trained(any_model)


def test_a_checkpoint_opens_with_the_same_logits(any_model, tokens, tmp_path):
    header = header_of(any_model.arch, "cell_s0")
    checkpoints.save(tmp_path, any_model, header)
    lens = open_in_transformer_lens(checkpoints.path_of(tmp_path, 7))
    with torch.no_grad():
        torch.testing.assert_close(lens(tokens), any_model(tokens), atol=1e-5, rtol=0)


def test_cached_patterns_are_the_patterns(any_model, tokens):
    with torch.no_grad():
        _, cache = bridge(any_model, "test").run_with_cache(tokens)
        resid = any_model.embedding(tokens)
        for layer, block in enumerate(any_model.layers):
            wanted = block.attn.pattern(*block.attn.qk(block.ln1(resid)))
            torch.testing.assert_close(cache[f"blocks.{layer}.attn.hook_pattern"], wanted)
            resid = block(resid)[0]


@pytest.mark.parametrize("positions", ["learned", "rotary", "qk_sinusoidal"])
def test_position_embeddings_have_a_hook_where_there_are_any(positions, tokens):
    _, cache = bridge(random_model(positions=positions), "test").run_with_cache(tokens)
    assert ("hook_pos_embed" in cache) == (positions == "learned")


def test_hooks_change_the_output(any_model, tokens):
    lens = bridge(any_model, "test")
    with torch.no_grad():
        for name in ("hook_z", "hook_pattern"):
            hook = (f"blocks.0.attn.{name}", lambda x, hook: torch.zeros_like(x))
            changed = lens.run_with_hooks(tokens, fwd_hooks=[hook])
            assert not torch.allclose(changed, any_model(tokens), atol=1e-3), name


def test_wrapping_leaves_the_model_alone(any_model, tokens):
    before = any_model(tokens)
    bridge(any_model, "test")
    assert torch.equal(any_model(tokens), before)


def test_a_truncated_checkpoint_is_named_with_its_remedy(any_model, tmp_path):
    folder = tmp_path / "attn2_s0"
    folder.mkdir()
    header = header_of(any_model.arch, "attn2_s0")
    checkpoints.save(folder, any_model, header)
    path = checkpoints.path_of(folder, 7)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StageError, match=r"step_000007.*truncated.*dvc repro .*train@attn2_s0"):
        open_in_transformer_lens(path)


PROCESSING = ("fold_ln", "center_writing_weights", "center_unembed", "fold_value_biases")
OPTIONS = {
    "all": {},
    "none": {"no_processing": True},
    "all but folding": {"fold_ln": False},
    **{f"only {only}": {name: name == only for name in PROCESSING} for only in PROCESSING},
}


@torch.no_grad()
def assert_same_predictions(lens, model, tokens):
    """Centering the unembedding moves all logits of a position by one number."""
    logits, cache = lens.run_with_cache(tokens)
    expected = model(tokens).log_softmax(-1)
    torch.testing.assert_close(logits.log_softmax(-1), expected, **CLOSE)
    for layer in layers(model, model.embedding(tokens)):
        pattern = cache[f"blocks.{layer.index}.attn.hook_pattern"]
        torch.testing.assert_close(pattern, layer.pattern, **CLOSE)


@pytest.mark.parametrize("options", OPTIONS)
def test_processed_weights_predict_the_same(trained, tokens, options):
    lens = bridge(trained, "test")
    lens.enable_compatibility_mode(**OPTIONS[options])
    assert_same_predictions(lens, trained, tokens)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "learned" in kind])
def test_refactored_weights_predict_the_same(kind, tokens):
    model = as_trained(random_model(**KINDS[kind]))
    lens = bridge(model, "test")
    lens.process_weights(refactor_factored_attn_matrices=True)
    assert_same_predictions(lens, model, tokens)


@torch.no_grad()
def test_weights_are_the_weights(trained):
    lens, expected = bridge(trained, "test"), raw(trained)
    for name in ("W_Q", "W_K", "W_V", "W_O", "W_E"):
        assert torch.equal(getattr(lens, name).double(), getattr(expected, name)), name
    assert torch.equal(lens.W_U.T.double(), expected.W_U)
    assert lens.b_U.eq(0).all()
    QK, OV = expected.W_Q @ expected.W_K.mT, expected.W_V @ expected.W_O
    for attribute, method, product in (
        (lens.QK, lens.QK_for_attn_layers, QK),
        (lens.OV, lens.OV_for_attn_layers, OV),
    ):
        torch.testing.assert_close(attribute.AB.double(), product, **CLOSE)
        torch.testing.assert_close(method()[1].AB.double(), product, **CLOSE)
    if trained.arch.positions == "learned":
        assert torch.equal(lens.W_pos, trained.pos.weight)
        assert torch.equal(lens.W_E_pos, torch.cat([lens.W_E, lens.W_pos]))
    if trained.arch.mlp:
        for layer, block in enumerate(trained.layers):
            assert torch.equal(lens.W_in[layer], block.mlp.fc_in.weight.T)
            assert torch.equal(lens.W_out[layer], block.mlp.fc_out.weight.T)
            assert torch.equal(lens.b_in[layer], block.mlp.fc_in.bias)
            assert torch.equal(lens.b_out[layer], block.mlp.fc_out.bias)
    assert lens.n_params_total == sum(weight.numel() for weight in trained.parameters())


@torch.no_grad()
def test_folded_weights_are_the_folded_weights(trained):
    lens, expected = bridge(trained, "test"), folded(trained)
    lens.enable_compatibility_mode()
    QK = expected.W_Q @ expected.W_K.mT
    torch.testing.assert_close(lens.QK.AB.double(), QK, **CLOSE)


def test_parameters_are_those_of_the_model(trained):
    params = bridge(trained, "test").tl_parameters()
    assert any(".mlp." in name for name in params) == trained.arch.mlp
    assert ("pos_embed.W_pos" in params) == (trained.arch.positions == "learned")
    assert torch.equal(params["unembed.W_U"], trained.head.weight.T)


def test_weights_of_another_model_can_be_loaded(trained, tokens):
    """Smearing gates, too."""
    lens = bridge(trained, "test")
    kept = {name: value.clone() for name, value in lens.state_dict().items()}
    with torch.no_grad():
        for weight in lens.parameters():
            weight.normal_()
        lens.load_state_dict(kept)
        torch.testing.assert_close(lens(tokens), trained(tokens), **CLOSE)


def test_every_hook_fires(trained, tokens):
    lens = bridge(trained, "test")
    if trained.arch.mlp:
        lens.set_use_hook_mlp_in(True)
    assert set(lens.run_with_cache(tokens)[1]) == set(lens.hook_dict)
    before = set(lens.hook_dict)
    lens.clear_hook_registry()
    assert set(lens.hook_dict) == before
    lens.enable_compatibility_mode()
    assert set(lens.run_with_cache(tokens)[1]) == before


@torch.no_grad()
def test_scores_are_what_the_softmax_reads(trained, tokens):
    """Also when they are edited: shifted to the previous key, patterns are those of that edit."""
    lens = bridge(trained, "test")
    _, cache = lens.run_with_cache(tokens)

    def later(scores, hook=None):
        return scores + torch.arange(scores.shape[-1])

    edits = {}
    for layer in layers(trained, trained.embedding(tokens)):
        scores = cache[f"blocks.{layer.index}.attn.hook_attn_scores"]
        torch.testing.assert_close(scores.softmax(-1), layer.pattern)
        edits[Site("pattern", layer.index)] = lambda p: later(p.log()).softmax(-1)
    hooks = [(lambda name: name.endswith("hook_attn_scores"), later)]
    logits = lens.run_with_hooks(tokens, fwd_hooks=hooks)
    *_, last = layers(trained, trained.embedding(tokens), edits=edits)
    expected = trained.head(trained.ln_out(last.resid_post))
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "mlp" in kind])
def test_the_stream_after_attention_can_be_edited(kind, tokens):
    """The whole stream, not only what the MLP reads, which is hook_mlp_in."""
    model = as_trained(random_model(**KINDS[kind]))
    lens = bridge(model, "test")
    lens.set_use_hook_mlp_in(True)
    first, second = model.layers
    mid = next(layers(model, model.embedding(tokens))).resid_mid
    zeros = torch.zeros_like(mid)
    for name, resid in (
        ("hook_resid_mid", first.after_attention(zeros)),
        ("hook_mlp_in", mid + first.after_attention(zeros)),
    ):
        hook = (f"blocks.0.{name}", lambda x, hook: torch.zeros_like(x))
        expected = model.head(model.ln_out(second(resid)[0]))
        torch.testing.assert_close(lens.run_with_hooks(tokens, fwd_hooks=[hook]), expected, **CLOSE)


@torch.no_grad()
def test_runs_start_and_stop_at_any_layer(trained, tokens):
    lens, expected = bridge(trained, "test"), trained(tokens)
    n_layers = trained.arch.n_layers
    for layer in layers(trained, trained.embedding(tokens)):
        resid, at = layer.resid_pre, layer.index
        for index in (at, at - n_layers):
            torch.testing.assert_close(lens(resid, start_at_layer=index), expected, **CLOSE)
            torch.testing.assert_close(lens(tokens, stop_at_layer=index), resid, **CLOSE)
            for run in (lens.run_with_hooks, lambda *a, **k: lens.run_with_cache(*a, **k)[0]):
                torch.testing.assert_close(run(resid, start_at_layer=index), expected, **CLOSE)
                torch.testing.assert_close(run(tokens, stop_at_layer=index), resid, **CLOSE)
        loss = lens(resid, start_at_layer=at, labels=tokens, return_type="loss")
        torch.testing.assert_close(loss, lens(tokens, return_type="loss"))
        _, cache = lens.run_with_cache(resid, start_at_layer=at)
        assert not any(f"blocks.{before}." in name for before in range(at) for name in cache)
    entered, same, _, _ = lens.input_to_embed(tokens)
    assert torch.equal(entered, trained.embedding(tokens)) and same is tokens


def test_layers_before_the_start_do_not_run(trained, tokens):
    lens, seen = bridge(trained, "test"), []
    for site in ("blocks.0.hook_resid_pre", "blocks.0.attn.hook_pattern", "hook_embed"):
        lens.add_hook(site, lambda x, hook: seen.append(hook.name))
    lens(trained.embedding(tokens), start_at_layer=1)
    assert not seen


@torch.no_grad()
def test_losses_are_the_losses(trained, tokens):
    lens, expected = bridge(trained, "test"), token_nll(trained, tokens)
    each = lens(tokens, return_type="loss", loss_per_token=True)
    torch.testing.assert_close(each, expected, **CLOSE)
    logits, loss = lens(tokens, return_type="both")
    torch.testing.assert_close(logits, trained(tokens), **CLOSE)
    torch.testing.assert_close(loss, expected.mean(), **CLOSE)
    torch.testing.assert_close(lens.loss_fn(logits, tokens), expected.mean(), **CLOSE)
    torch.testing.assert_close(lens(tokens[0]), trained(tokens[:1]), **CLOSE)
    assert lens(tokens, return_type=None) is None


@torch.no_grad()
def test_padding_at_the_end_changes_losses_only(trained, tokens):
    lens = bridge(trained, "test")
    mask = (torch.arange(40) < torch.tensor([[40], [20], [10]])).long()
    torch.testing.assert_close(lens(tokens, attention_mask=mask), trained(tokens), **CLOSE)
    loss = lens(tokens, attention_mask=mask, return_type="loss")
    expected = token_nll(trained, tokens)[mask[:, 1:].bool()].mean()
    torch.testing.assert_close(loss, expected, **CLOSE)
    labels = tokens.masked_fill(mask == 0, -100)
    torch.testing.assert_close(lens(tokens, labels=labels, return_type="loss"), expected, **CLOSE)


def test_gradients_are_the_gradients(trained, tokens):
    lens = bridge(trained, "test")
    _, cache = lens.run_with_cache(tokens, return_type="loss", incl_bwd=True)
    resid = trained.embedding(tokens).detach().requires_grad_()
    *_, last = layers(trained, resid)
    logits = trained.head(trained.ln_out(last.resid_post))
    F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
    assert resid.grad is not None
    torch.testing.assert_close(cache["blocks.0.hook_resid_pre_grad"], resid.grad)


@torch.no_grad()
def test_generates_the_likeliest_tokens(trained, tokens):
    lens, prompt, expected = bridge(trained, "test"), tokens[:, :4], tokens[:, :4]
    for _ in range(5):
        expected = torch.cat([expected, trained(expected)[:, -1:].argmax(-1)], 1)
    how = {"max_new_tokens": 5, "stop_at_eos": False, "do_sample": False, "verbose": False}
    assert torch.equal(lens.generate(prompt, **how), expected)
    assert torch.equal(torch.cat(list(lens.generate_stream(prompt, **how)), 1), expected)
    stopped = lens.generate(
        prompt[:1], **{**how, "stop_at_eos": True}, eos_token_id=int(expected[0, 4])
    )
    assert torch.equal(stopped, expected[:1, :5])


@torch.no_grad()
def test_caches_add_up(trained, tokens):
    """Residual streams and logits are the sums of what TransformerLens says they consist of."""
    lens = bridge(trained, "test")
    lens.enable_compatibility_mode()
    logits, cache = lens.run_with_cache(tokens)
    resid = cache["resid_post", -1]
    torch.testing.assert_close(cache.decompose_resid().sum(0), resid, **CLOSE)
    heads = cache.stack_head_results(incl_remainder=True)
    torch.testing.assert_close(heads.sum(0), resid, **CLOSE)
    parts = cache.get_full_resid_decomposition()
    torch.testing.assert_close(parts.sum(0), resid, **CLOSE)
    shown = cache.logit_attrs(parts, tokens).sum(0) + lens.b_U[tokens]
    expected = logits.gather(-1, tokens[..., None])[..., 0]
    torch.testing.assert_close(shown, expected, **CLOSE)
    lens_logits = cache.accumulated_resid(apply_ln=True)[-1] @ lens.W_U + lens.b_U
    torch.testing.assert_close(lens_logits, logits, **CLOSE)
    assert torch.equal(lens.tokens_to_residual_directions(tokens), lens.W_U.T[tokens])


@torch.no_grad()
def test_heads_write_what_heads_write(trained, tokens):
    _, cache = bridge(trained, "test").run_with_cache(tokens)
    heads = cache.stack_head_results()
    expected = torch.cat([each.result for each in layers(trained, trained.embedding(tokens))])
    torch.testing.assert_close(heads, expected, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_casts_are_the_casts(trained, tokens, dtype):
    near = {torch.float64: 1e-10, torch.bfloat16: 0.2}[dtype]
    moved, cast = bridge(trained, "test"), bridge(trained, "test")
    moved.to(dtype, print_details=False)
    cast = cast.double() if dtype is torch.float64 else cast.bfloat16()
    trained.to(dtype)
    for lens in (moved, cast):
        torch.testing.assert_close(lens(tokens), trained(tokens), atol=near, rtol=0)
        assert lens.cfg.dtype is dtype


def test_hooks_stay_and_go_as_asked(tokens):
    lens = bridge(random_model(), "test")
    site, plain = "blocks.0.attn.hook_z", lens(tokens)

    def zero(z, hook):
        return torch.zeros_like(z)

    lens.add_hook(site, zero)
    changed = lens(tokens)
    assert list(lens.list_hooks()) == ["blocks.0.attn.o.hook_in", site]
    lens.reset_hooks()
    assert torch.equal(lens(tokens), plain) and not lens.list_hooks()
    lens.add_perma_hook(site, zero)
    lens.reset_hooks()
    assert torch.equal(lens(tokens), changed)
    lens.remove_all_hook_fns(including_permanent=True)
    with lens.hooks(fwd_hooks=[(site, zero)]):
        assert torch.equal(lens(tokens), changed)
    assert torch.equal(lens(tokens), plain)
    cached = lens.add_caching_hooks(site)
    lens(tokens)
    kept, hooks, _ = lens.get_caching_hooks(site)
    lens.run_with_hooks(tokens, fwd_hooks=hooks)
    assert torch.equal(cached[site], lens.run_with_cache(tokens)[1][site])
    assert torch.equal(kept[site], cached[site])


def test_names_are_those_of_the_model(trained):
    lens, arch = bridge(trained, "test"), trained.arch
    labels = [f"L{i}H{k}" for i in range(arch.n_layers) for k in range(arch.n_heads)]
    assert lens.all_head_labels == lens.attn_head_labels == labels
    assert lens.layer_types() == ["attn+mlp" if arch.mlp else "attn"] * arch.n_layers
    parts = ["ln1", "attn", *(["ln2", "mlp"] if arch.mlp else [])]
    assert lens.block_submodules(0) == parts
    assert {f"blocks.1.{name}" for name in lens.block_hooks(1)} <= set(lens.hook_dict)
    assert [index for index, _ in lens.blocks_with("mlp")] == list(
        range(arch.n_layers if arch.mlp else 0)
    )
    assert lens.tokenizer is None
    assert lens.get_token_position(7, torch.tensor([3, 7, 7])) == 1
    bias = sum(block.mlp.fc_out.bias for block in trained.layers) if arch.mlp else torch.zeros(32)
    torch.testing.assert_close(lens.accumulated_bias(arch.n_layers), bias)


def test_the_configuration_is_that_of_the_model(trained):
    cfg, arch = bridge(trained, "test").cfg, trained.arch
    names = {"learned": "standard", "rotary": "rotary", "qk_sinusoidal": "shortformer"}
    assert cfg.positional_embedding_type == names[arch.positions]
    assert (cfg.d_vocab, cfg.d_vocab_out, cfg.n_ctx) == (VOCAB, VOCAB, trained.n_ctx)
    assert cfg.attn_scale == arch.d_head**0.5
    assert cfg.eps == trained.ln_out.eps
    assert (cfg.attn_only, cfg.d_mlp) == ((False, 64) if arch.mlp else (True, None))
    assert not cfg.default_prepend_bos and not cfg.tokenizer_prepends_bos


def test_training_and_closing_change_no_logits(trained, tokens):
    lens = bridge(trained, "test")
    expected = lens(tokens)
    assert torch.equal(lens.train()(tokens), expected)
    lens.cpu().eval().close()
    assert torch.equal(lens(tokens), expected)


def test_the_example_of_readme_opens_a_checkpoint(tmp_path, monkeypatch, capsys):
    """In six lines, of a model as `attn2` is before training."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line]) == 6
    study = study_of(Project.committed())
    vocab_size, n_ctx = study.corpus.vocab_size, study.corpus.n_ctx
    model = Transformer(study.models["attn2"], vocab_size, n_ctx)
    model.init_weights(0)
    header = header_of(model.arch, "attn2_s0", step=1000)
    folder = tmp_path / "data" / "train" / "attn2_s0"
    folder.mkdir(parents=True)
    checkpoints.save(folder, model, replace(header, vocab_size=vocab_size, n_ctx=n_ctx))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert capsys.readouterr().out == "torch.Size([1, 4, 200, 200])\n"
    with torch.no_grad():
        torch.testing.assert_close(names["logits"], model(names["tokens"]), **CLOSE)
