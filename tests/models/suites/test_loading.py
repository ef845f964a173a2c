"""A checkpoint is loaded exactly, or refused in one line that says what to do."""

import json
import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from induction.config.errors import StageError
from induction.models.suites.loading import Loaded, load
from tests.models.suites.made import CONFIGS, edit, random_model, saved, tokens

WHERE = "suites.theirs at step 7"
LAST = "transformer.ln_f.bias"


def opened(folder: Path, pickled: str = "refuse") -> Loaded:
    return load(folder, WHERE, pickled)


def refused(folder: Path, wanted: str, pickled: str = "refuse") -> None:
    """One line, which begins with where it is."""
    with pytest.raises(StageError) as caught:
        opened(folder, pickled)
    text = str(caught.value)
    assert text.startswith(f"{WHERE}: ") and wanted in text and text.isprintable(), text


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors of model.safetensors."""
    tensors = load_file(folder / "model.safetensors")
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def pickled(folder: Path, **extra: object) -> None:
    """The same weights, as a pickle alone."""
    tensors = load_file(folder / "model.safetensors")
    torch.save({**tensors, **extra}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(tokens()).logits


def assert_same(one, other) -> None:
    """Equal weights, and equal logits but for the order of sums, which follows the memory."""
    weights = other.state_dict()
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, weights[name]), name
    torch.testing.assert_close(logits(one), logits(other), atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_kind_is_loaded_exactly(tmp_path, kind, capfd):
    model = saved(tmp_path, kind)
    capfd.readouterr()
    loaded = opened(tmp_path)
    assert_same(loaded.model, model)
    assert loaded.dtype == "float32"
    assert loaded.model.config._attn_implementation == "eager" and not loaded.model.training
    assert not any(weight.requires_grad for weight in loaded.model.parameters())
    assert capfd.readouterr() == ("", ""), "no progress bars, no reports"


@pytest.mark.parametrize("kind", CONFIGS)
def test_native_types_are_recorded_and_computed_in_float32(tmp_path, kind):
    model = random_model(kind)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.bfloat16())
    random_model(kind).bfloat16().save_pretrained(tmp_path)
    loaded = opened(tmp_path)
    assert loaded.dtype == "bfloat16" and loaded.model.dtype == torch.float32
    assert_same(loaded.model, model)


def test_the_hash_is_of_the_weights_and_not_of_the_files(tmp_path):
    model = saved(tmp_path / "whole", "neox")
    model.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len([*(tmp_path / "shards").glob("model-*.safetensors")]) > 2
    whole, shards = opened(tmp_path / "whole"), opened(tmp_path / "shards")
    assert whole.sha256 == shards.sha256
    assert_same(shards.model, model)
    with torch.no_grad():
        model.gpt_neox.layers[1].mlp.dense_4h_to_h.bias[3] += 1e-6
    model.save_pretrained(tmp_path / "changed")
    assert opened(tmp_path / "changed").sha256 != whole.sha256
    model.half().save_pretrained(tmp_path / "half")
    assert opened(tmp_path / "half").sha256 != opened(tmp_path / "changed").sha256


def test_masks_and_frequencies_that_older_versions_stored_are_left_aside(tmp_path):
    for kind, names in {
        "gpt2": ["transformer.h.0.attn.bias", "transformer.h.0.attn.masked_bias"],
        "neox": [
            "gpt_neox.layers.0.attention.bias",
            "gpt_neox.layers.0.attention.masked_bias",
            "gpt_neox.layers.0.attention.rotary_emb.inv_freq",
        ],
        "llama": ["model.layers.0.self_attn.rotary_emb.inv_freq"],
    }.items():
        saved(tmp_path / kind, kind)
        before = opened(tmp_path / kind)
        made = {name: torch.full((1, 1), -torch.inf) for name in names}
        made[names[0]] = torch.ones(1, 1, 4, 4, dtype=torch.bool)
        rewrite(tmp_path / kind, lambda tensors, made=made: tensors.update(made))
        after = opened(tmp_path / kind)
        assert after.sha256 == before.sha256 and after.dtype == "float32"


def test_names_without_the_prefix_of_the_base_model_are_those_of_the_hubs_gpt2(tmp_path):
    model = saved(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    bare = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    save_file(bare, tmp_path / "model.safetensors")
    assert_same(opened(tmp_path).model, model)


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "older format"])
def test_pickles_are_read_only_where_the_suite_says_so(tmp_path, is_zip):
    model = saved(tmp_path)
    pickled(tmp_path)
    path = tmp_path / "pytorch_model.bin"
    torch.save(torch.load(path), path, _use_new_zipfile_serialization=is_zip)
    refused(tmp_path, "found pickled weights alone (pytorch_model.bin), expected model.safetensors")
    refused(tmp_path, "set pickle: weights_only")
    assert_same(opened(tmp_path, "weights_only").model, model)


class Harm:
    def __reduce__(self):
        return (Path.touch, (Path("harm"),))


@pytest.mark.parametrize("how", [torch.save, lambda v, path: path.write_bytes(pickle.dumps(v))])
def test_code_in_pickles_is_not_run(tmp_path, monkeypatch, how):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    how({"transformer.wte.weight": Harm()}, tmp_path / "pytorch_model.bin")
    refused(tmp_path, "pytorch_model.bin: damaged, or no weights", "weights_only")
    assert not (tmp_path / "harm").exists()


def test_a_pickle_of_something_else_is_refused(tmp_path):
    saved(tmp_path)
    pickled(tmp_path, epoch=3)
    refused(tmp_path, "found 3 at 'epoch', expected tensors by name", "weights_only")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"architectures": ["MistralForCausalLM"]}, "expected one of GPTNeoXForCausalLM, GPT2LM"),
        ({"model_type": "mistral"}, "model_type 'mistral', expected one of GPTNeoXForCausalLM"),
        ({"architectures": ["LlamaForCausalLM"]}, "found architectures ['LlamaForCausalLM']"),
        ({"model_type": ["gpt2"]}, "model_type ['gpt2']"),
        ({"auto_map": {"AutoModel": "evil.Model"}}, "needs no code of its repository"),
        ({"quantization_config": {"bits": 4}}, "expected weights that are not quantised"),
        ({"add_cross_attention": True}, "expected a model that reads one text alone"),
        ({"pruned_heads": {"0": [1]}}, "expected a model with all its heads"),
        ({"n_embd": "wide"}, "not the settings of GPT2LMHeadModel"),
        ({"n_head": 3}, "cannot be made of its settings and weights"),
        ({"activation_function": "none\nsuch"}, "cannot be made of its settings and weights"),
        ({"n_positions": 31}, "wpe.weight: found shape (32, 16), expected (31, 16)"),
        ({"n_layer": 3}, "found 12 tensors that are missing (transformer.h.2.attn.c_attn.bias)"),
        ({"n_layer": 1}, "tensors that belong to no part of the model (transformer.h.1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_are_not_supported_are_refused(tmp_path, changes, wanted, caplog):
    saved(tmp_path)
    edit(tmp_path, **changes, bos_token_id=9999)
    # The logger of transformers keeps its messages from those above it.
    logging.getLogger("transformers").addHandler(caplog.handler)
    try:
        refused(tmp_path, wanted)
    finally:
        logging.getLogger("transformers").removeHandler(caplog.handler)
    assert caplog.messages == [], "the one line says it all"


def test_without_architectures_the_model_type_says_it(tmp_path):
    saved(tmp_path)
    edit(tmp_path, architectures=None)
    assert opened(tmp_path).dtype == "float32"


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 99_999])
def test_a_damaged_config_is_refused(tmp_path, text):
    saved(tmp_path)
    (tmp_path / "config.json").write_text(text)
    refused(tmp_path, "config.json: no JSON object; copy or fetch")


def test_folders_that_are_no_checkpoint_are_refused(tmp_path):
    refused(tmp_path, "found no config.json in")
    saved(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    refused(tmp_path, "found adapter_config.json, expected weights alone; merge")
    (tmp_path / "adapter_config.json").unlink()
    (tmp_path / "model.safetensors").unlink()
    refused(tmp_path, "found no weights, expected model.safetensors")
    (tmp_path / "model.safetensors").mkdir()
    refused(tmp_path, "model.safetensors: damaged, or no weights")


@pytest.mark.parametrize("size", [0, 7, 500, -1])
def test_truncated_weights_are_refused(tmp_path, size):
    saved(tmp_path)
    data = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(data[:size])
    refused(tmp_path, "model.safetensors: damaged, or no weights")


def test_missing_shards_are_named(tmp_path):
    saved(tmp_path, max_shard_size="20KB")
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    first = shards[0].rename(tmp_path / "aside")
    count, name = len(shards), shards[0].name
    refused(tmp_path, f"found {count - 1} of {count} files of weights, expected {name}, too")
    first.rename(shards[0])
    (tmp_path / "model-00001-of-00099.safetensors").write_bytes(shards[0].read_bytes())
    refused(tmp_path, "found weights of two checkpoints")
    (tmp_path / "model-00001-of-00099.safetensors").unlink()
    shards[1].write_bytes(shards[0].read_bytes())
    refused(tmp_path, "in two files, expected it in one")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda tensors: tensors.pop("transformer.h.0.ln_1.weight"),
         "found 1 tensors that are missing (transformer.h.0.ln_1.weight)"),
        (lambda tensors: tensors.update(foo=torch.ones(2)),
         "found 1 tensors that belong to no part of the model (foo)"),
        (lambda tensors: tensors["transformer.wte.weight"][3].fill_(torch.nan),
         "transformer.wte.weight: found NaN or infinity in 16 of 5,120 entries"),
        (lambda tensors: tensors["transformer.ln_f.bias"][:1].fill_(torch.inf),
         "transformer.ln_f.bias: found NaN or infinity in 1 of 16 entries"),
        (lambda tensors: tensors.update({LAST: torch.full((16,), 1e300, dtype=torch.float64)}),
         "transformer.ln_f.bias: found NaN or infinity in 16 of 16 entries"),
        (lambda tensors: tensors.update({LAST: torch.ones(16, dtype=torch.int8)}),
         "transformer.ln_f.bias: found int8, expected float16, bfloat16, float32, float64"),
        (lambda tensors: tensors.update({LAST: torch.ones(17)}),
         "transformer.ln_f.bias: found shape (17,), expected (16,)"),
    ],
    ids=["missing", "left over", "NaN", "infinite", "too large", "quantised", "other shape"],
)  # fmt: skip
def test_weights_that_would_not_be_those_of_the_model_are_refused(tmp_path, change, wanted):
    saved(tmp_path)
    rewrite(tmp_path, change)
    refused(tmp_path, wanted)


def test_a_head_that_is_not_tied_to_the_embedding_is_not_missing_in_silence(tmp_path):
    saved(tmp_path, "llama")
    rewrite(tmp_path, lambda tensors: tensors.pop("lm_head.weight"))
    refused(tmp_path, "found 1 tensors that are missing (lm_head.weight)")
    saved(tmp_path / "tied", "llama tied")
    assert "lm_head.weight" not in load_file(tmp_path / "tied" / "model.safetensors")
    opened(tmp_path / "tied")


def test_a_head_that_is_stored_beside_the_embedding_is_used_whatever_the_config_says(tmp_path):
    saved(tmp_path, "llama")
    edit(tmp_path, tie_word_embeddings=True)
    head = load_file(tmp_path / "model.safetensors")["lm_head.weight"]
    model = opened(tmp_path).model
    assert torch.equal(model.lm_head.weight, head)
    assert not torch.equal(model.model.embed_tokens.weight, head)


def test_errors_of_files_of_strangers_are_printable(tmp_path):
    saved(tmp_path)
    rewrite(tmp_path, lambda tensors: tensors.update({"\x1b[31m\n": torch.ones(1)}))
    refused(tmp_path, r"(\x1b[31m\n)")
    edit(tmp_path, model_type="\x1b[31m")
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "\x1b[31m"
    refused(tmp_path, r"model_type '\x1b[31m'")
