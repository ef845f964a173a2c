"""Checkpoints open in TransformerLens, and are the same model there."""

import pytest
import torch

from induction.config.errors import StageError
from induction.models import checkpoints
from induction.models.bridge import bridge, open_in_transformer_lens
from tests.conftest import header_of, random_model


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
