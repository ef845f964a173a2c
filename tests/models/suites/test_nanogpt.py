"""Checkpoints of nanoGPT compute what nanoGPT computes, here written out on its own weights."""

import math

import pytest
import torch
from torch.nn import functional as F

from induction.config.errors import StageError
from induction.models.suites.loading import load
from induction.models.suites.source import source_of
from tests.models.suites.made import suite

ARGUMENTS = {"n_layer": 2, "n_head": 2, "n_embd": 16, "block_size": 24, "vocab_size": 50304 // 393}


def checkpoint(bias: bool, compiled: bool = False, **changed) -> dict:
    generator = torch.Generator().manual_seed(0)
    d = ARGUMENTS["n_embd"]
    shapes = {"transformer.wte": (ARGUMENTS["vocab_size"], d), "transformer.wpe": (24, d)}
    for i in range(ARGUMENTS["n_layer"]):
        layer = f"transformer.h.{i}"
        shapes |= {f"{layer}.ln_1": (d,), f"{layer}.ln_2": (d,), f"{layer}.attn.c_proj": (d, d)}
        shapes |= {f"{layer}.attn.c_attn": (3 * d, d), f"{layer}.mlp.c_fc": (4 * d, d)}
        shapes |= {f"{layer}.mlp.c_proj": (d, 4 * d)}
    shapes["transformer.ln_f"] = (d,)
    weights = {}
    for name, shape in shapes.items():
        weights[f"{name}.weight"] = torch.randn(shape, generator=generator)
        if bias and name not in ("transformer.wte", "transformer.wpe"):
            weights[f"{name}.bias"] = torch.randn(shape[0], generator=generator)
    weights["lm_head.weight"] = weights["transformer.wte.weight"]
    # Stored where torch has no fused attention.
    weights["transformer.h.0.attn.bias"] = torch.ones(24, 24).tril().view(1, 1, 24, 24)
    prefix = "_orig_mod." if compiled else ""
    return {
        "model": {f"{prefix}{name}": weight for name, weight in weights.items()},
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}},
        "model_args": {**ARGUMENTS, "bias": bias, "dropout": 0.1},
        "iter_num": 2000,
        "best_val_loss": torch.tensor(3.0),
        "config": {"dataset": "openwebtext"},
        **changed,
    }


def forward(w: dict[str, torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
    """model.py of nanoGPT, with `F.linear` for its nn.Linear."""

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w.get(f"{name}.bias"), 1e-5)

    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

    batch, n = tokens.shape
    x = w["transformer.wte.weight"][tokens] + w["transformer.wpe.weight"][:n]
    for i in range(ARGUMENTS["n_layer"]):
        layer = f"transformer.h.{i}"
        qkv = linear(norm(x, f"{layer}.ln_1"), f"{layer}.attn.c_attn").split(16, dim=2)
        q, k, v = (part.view(batch, n, 2, 8).transpose(1, 2) for part in qkv)
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(8)
        scores = scores.masked_fill(torch.ones(n, n).tril() == 0, float("-inf"))
        z = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, n, 16)
        x = x + linear(z, f"{layer}.attn.c_proj")
        wide = F.gelu(linear(norm(x, f"{layer}.ln_2"), f"{layer}.mlp.c_fc"))
        x = x + linear(wide, f"{layer}.mlp.c_proj")
    return norm(x, "transformer.ln_f") @ w["lm_head.weight"].T


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_logits_are_those_of_nanogpt(tmp_path, bias, compiled):
    torch.save(checkpoint(bias, compiled), tmp_path / "ckpt.pt")
    loaded = load(tmp_path / "ckpt.pt", "x", "weights_only")
    tokens = torch.randint(0, 128, (3, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = loaded.model(tokens).logits
    wanted = forward(checkpoint(bias)["model"], tokens)
    torch.testing.assert_close(logits, wanted, atol=1e-4, rtol=1e-5)
    assert loaded.dtype == "float32"
    torch.save(checkpoint(bias, not compiled), tmp_path / "other.pt")
    assert load(tmp_path / "other.pt", "x", "weights_only").sha256 == loaded.sha256


def test_a_folder_of_one_or_of_many(tmp_path):
    torch.save(checkpoint(True), tmp_path / "ckpt.pt")
    for at in (tmp_path, tmp_path / "ckpt.pt"):
        settings = suite("nanogpt", at, pickle="weights_only", tokens_per_step=10)
        source = source_of("nano", settings, tmp_path / "lock", tmp_path / "scratch")
        (revision,) = source.revisions()
        assert (revision.step, revision.tokens) == (2000, 20_000)
        with source.weights(revision) as path:
            assert path == tmp_path / "ckpt.pt"
    for step in (1000, 200):
        torch.save(checkpoint(True, iter_num=step), tmp_path / f"ckpt_{step}.pt")
    settings = suite("nanogpt", tmp_path, pickle="weights_only", revision="ckpt_{step}.pt")
    source = source_of("nano", settings, tmp_path / "lock", tmp_path / "scratch")
    assert [revision.step for revision in source.revisions()] == [200, 1000]
    (tmp_path / "ckpt_200.pt").rename(tmp_path / "ckpt_300.pt")
    with pytest.raises(StageError, match=r"ckpt_300\.pt: found iter_num 200, expected 300 as the"):
        source.revisions()


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"model_args": {}}, "model_args: n_layer: found nothing, expected a size"),
        ({"model_args": {**ARGUMENTS, "n_embd": -1}}, "model_args: n_embd: found -1"),
        ({"model_args": {**ARGUMENTS, "n_layer": 1}}, "tensors that belong to no part"),
        ({"model_args": {**ARGUMENTS, "block_size": 23}}, "wpe.weight: found shape (24, 16)"),
        ({"model": [1]}, "model: found [1] at '', expected tensors by name"),
        ({"model": {}}, "that are missing"),
    ],
    ids=["no sizes", "size", "layers", "shape", "no tensors", "empty"],
)
def test_other_files_are_refused(tmp_path, changed, wanted):
    torch.save(checkpoint(False, **changed), tmp_path / "ckpt.pt")
    with pytest.raises(StageError) as caught:
        load(tmp_path / "ckpt.pt", "x", "weights_only")
    assert wanted in str(caught.value) and str(caught.value).isprintable()


def test_pickles_are_refused_or_read_without_code(tmp_path):
    path = tmp_path / "ckpt.pt"
    torch.save(checkpoint(False), path)
    with pytest.raises(StageError, match=r"x: found a pickle.*set pickle: weights_only"):
        load(path, "x", "refuse")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StageError, match=r"x: ckpt\.pt: damaged, or no weights \("):
        load(path, "x", "weights_only")
    torch.save({"state_dict": {}}, path)
    with pytest.raises(StageError, match="found 'state_dict', expected model and model_args"):
        load(path, "x", "weights_only")


def test_iter_num_must_be_there(tmp_path):
    torch.save(checkpoint(False, iter_num=None), tmp_path / "ckpt.pt")
    settings = suite("nanogpt", tmp_path, pickle="weights_only")
    with pytest.raises(StageError, match=r"iter_num: found None, expected the number of a step"):
        source_of("nano", settings, tmp_path / "lock", tmp_path / "scratch").revisions()
    with pytest.raises(ValueError, match="checkpoints of nanoGPT are pickles"):
        suite("nanogpt", tmp_path)
