"""Any checkpoint as a TransformerLens model, with its hooks, caches and weight views.

    from induction.models.bridge import open_in_transformer_lens
    bridge = open_in_transformer_lens("data/train/attn2_s0/step_001026.safetensors")
    logits, cache = bridge.run_with_cache(tokens)
    cache["blocks.1.attn.hook_pattern"]      # [batch, head, query, key]

Where a model has smeared keys, or positions on queries and keys only: `hook_k` is the output of
W_K, before smearing, and products of weights (`bridge.QK`) contain neither smearing nor positions.
"""

import copy
from pathlib import Path

from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge

# A private path of TransformerLens 4.3; tests/models/test_bridge.py fails if it moves.
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

from induction.models import checkpoints
from induction.models.transformer import Transformer

ARCHITECTURE = "TransformerLensNative"


def open_in_transformer_lens(checkpoint: str | Path) -> TransformerBridge:
    """The model of a checkpoint as a `TransformerBridge`, on the CPU in fp32.

    Logits equal the plain model's to 1e-5. Raises StageError if the file is not a whole
    checkpoint.
    """
    model, header = checkpoints.load(Path(checkpoint))
    return bridge(model, f"{header.provenance.cell}-step{header.step}")


def bridge(model: Transformer, name: str) -> TransformerBridge:
    """A `TransformerBridge` over a copy of `model`: TransformerLens edits what it wraps."""
    arch = model.arch
    # "rotary" tells TransformerLens that there is no module of position embeddings to wrap; what
    # positions do is up to our forward pass.
    positions = "standard" if arch.positions == "learned" else "rotary"
    config = TransformerBridgeConfig(
        d_model=arch.d_model,
        d_head=arch.d_head,
        n_heads=arch.n_heads,
        n_layers=arch.n_layers,
        n_ctx=model.n_ctx,
        d_vocab=model.head.out_features,
        d_mlp=arch.d_mlp if arch.mlp else None,
        act_fn="gelu",
        attn_only=not arch.mlp,
        normalization_type="LN",
        positional_embedding_type=positions,
        architecture=ARCHITECTURE,
    )
    return build_bridge_from_module(
        copy.deepcopy(model), architecture=ARCHITECTURE, tl_config=config, model_name=name
    )
