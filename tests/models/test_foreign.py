"""Models of others: losses as `transformers` has them, ablations as TransformerLens's hooks do."""

import gc
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from induction.interp import weights
from induction.interp.ablation import WHOLE_MODEL, ablated_nll, head_outputs, substitutes
from induction.interp.activations import Site, layers
from induction.interp.losses import token_nll
from induction.models.foreign import ForeignModel
from induction.models.foreign_architectures import ARCHITECTURES, foreign_model
from induction.models.suites.architectures import MODELS
from tests.foreign import KINDS, N_CTX, VOCAB, random_foreign, save_tokenizer

CLOSE = {"atol": 2e-6, "rtol": 0}


@pytest.fixture(params=KINDS, scope="module")
def opened(request, tmp_path_factory):
    """A model of `transformers`, ours over it, and TransformerLens's from its folder."""
    folder = tmp_path_factory.mktemp("checkpoint")
    theirs = random_foreign(request.param)
    theirs.save_pretrained(folder)
    save_tokenizer(folder)
    bridge = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float32)
    bridge.eval()
    yield theirs, foreign_model(random_foreign(request.param), VOCAB), bridge
    del bridge
    gc.collect()


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(0, VOCAB, (6, 30), generator=torch.Generator().manual_seed(1))


def test_every_architecture_that_is_loaded_is_taken_apart():
    assert MODELS.keys() == ARCHITECTURES.keys()


def nll_of(logits, tokens):
    return -logits[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]


@torch.no_grad()
def test_losses_are_those_of_transformers(opened, tokens):
    theirs, ours, _ = opened
    torch.testing.assert_close(
        token_nll(ours, tokens), nll_of(theirs(tokens).logits, tokens), **CLOSE
    )


@torch.no_grad()
def test_activations_are_those_of_transformer_lens(opened, tokens):
    _, ours, bridge = opened
    _, cache = bridge.run_with_cache(tokens)
    for layer in layers(ours, ours.embedding(tokens)):
        name = f"blocks.{layer.index}"
        for ours_, theirs in (
            (layer.pattern, cache[f"{name}.attn.hook_pattern"]),
            (layer.z, cache[f"{name}.attn.hook_z"].view(6, 30, 4, 8).transpose(1, 2)),
            (layer.resid_post, cache[f"{name}.hook_resid_post"]),
        ):
            torch.testing.assert_close(ours_, theirs, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("replacement", ["zero", "mean", "resample"])
def test_every_ablation_is_that_of_transformer_lens(opened, tokens, replacement):
    _, ours, bridge = opened
    zs = head_outputs(ours, tokens)
    others = None if replacement == "zero" else substitutes(zs, replacement)
    parts = tokens.split(2)
    replaced = [None if others is None else [z[i : i + 2] for z in others] for i in (0, 2, 4)]
    nll = partial(ablated_nll, ours, modes=("full", "pattern"))
    by_threads = []
    for threads in (1, 3):
        with ThreadPoolExecutor(threads) as pool:
            runs = [
                pool.submit(nll, part, replacements=z)
                for part, z in zip(parts, replaced, strict=True)
            ]
        by_threads.append([run.result() for run in runs])
    _, cache = bridge.run_with_cache(tokens[:, :-1])

    def hooks(layer, head, mode):
        def replace(z, hook):
            by_head = z.view(*z.shape[:2], ours.n_heads, ours.d_head)
            by_head[:, :, head] = 0.0 if others is None else others[layer][:, head]
            return z

        yield f"blocks.{layer}.attn.hook_z", replace
        for later in range(layer + 1, ours.n_layers) if mode == "pattern" else ():
            name = f"blocks.{later}.attn.hook_pattern"
            yield name, lambda pattern, hook: cache[hook.name]

    for ablation in by_threads[0][0]:
        edits = [] if ablation == WHOLE_MODEL else [*hooks(*ablation)]
        logits = bridge.run_with_hooks(tokens[:, :-1], fwd_hooks=edits)
        expected = -logits.log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
        for by_part in by_threads:
            losses = torch.cat([part[ablation] for part in by_part])
            torch.testing.assert_close(losses, expected, **CLOSE)


@torch.no_grad()
def test_weights_give_what_heads_write_and_match(opened, tokens):
    """Of the layer's own input: without positions, q k^T is x W_Q W_K^T x^T but for the biases."""
    _, ours, _ = opened
    raw = weights.raw(ours)
    for layer in layers(ours, ours.embedding(tokens)):
        x, attn = layer.block.ln1(layer.resid_pre), layer.block.attn
        v = attn.values(x) - attn.values(torch.zeros_like(x))
        for head in range(ours.n_heads):
            moved = x.double() @ raw.W_V[layer.index, head] @ raw.W_O[layer.index, head]
            torch.testing.assert_close(attn.head_out(v, head), moved.float(), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_folded_weights_read_what_the_norms_write(opened, tokens):
    """Logits are W_U times the stream over its scale, up to biases and a constant per position."""
    _, ours, _ = opened
    folded = weights.folded(ours)
    x = torch.randn(5, ours.d_model, generator=torch.Generator().manual_seed(2))
    is_layer_norm = isinstance(ours.ln_out, torch.nn.LayerNorm)
    scale = x.std(-1, unbiased=False) if is_layer_norm else x.pow(2).mean(-1).sqrt()
    bias = ours.ln_out.bias if is_layer_norm else torch.zeros(ours.d_model)
    logits = ours.head(ours.ln_out(x) - bias)
    expected = (x / scale[:, None]).double() @ folded.W_U.T
    logits = logits - logits.mean(-1, keepdim=True)
    torch.testing.assert_close(logits.double(), expected, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_a_padded_vocabulary_counts_in_losses_alone(tokens):
    theirs = random_foreign("gpt2")
    ours = foreign_model(random_foreign("gpt2"), VOCAB - 10)
    tokens = tokens.clamp(max=VOCAB - 11)
    torch.testing.assert_close(
        token_nll(ours, tokens), nll_of(theirs(tokens).logits, tokens), **CLOSE
    )
    assert len(weights.unembedding(ours)) == len(weights.raw(ours).W_E) == VOCAB - 10


def test_keys_that_are_not_smeared_have_no_gate(tokens):
    ours: ForeignModel = foreign_model(random_foreign("gpt2"), VOCAB)
    assert weights.smear_gates(ours).isnan().all() and ours.n_ctx == N_CTX
    edits = {Site("smear_gate", 0, 0): torch.inf}
    with pytest.raises((ValueError, AttributeError)):
        [layer.z for layer in layers(ours, ours.embedding(tokens), edits=edits)]
