"""Any checkpoint as a TransformerLens model, with its hooks, caches and weight views.

    from stages.lens import open_in_transformer_lens
    bridge = open_in_transformer_lens("data/train/attn2_s0/step_001026.safetensors")
    logits, cache = bridge.run_with_cache(tokens)
    cache["blocks.1.attn.hook_pattern"]      # [batch, head, query, key]

A caution where a model has smeared keys or positions on queries and keys only: `hook_k` is the
output of W_K, before smearing, and products of weights alone (`bridge.QK`) know of neither.
"""

from pathlib import Path
from typing import Literal

from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge

# A private path of TransformerLens 4.3; tests/test_lens.py fails if it moves.
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

from stages.files import checkpoints
from stages.settings.model import Model

ARCHITECTURE = "TransformerLensNative"


def open_in_transformer_lens(checkpoint: str | Path) -> TransformerBridge:
    """The model of a checkpoint as a `TransformerBridge`, on the CPU in fp32.

    Logits equal the plain model's to 1e-5. Raises StageError if the file is not a whole
    checkpoint.
    """
    model, header = checkpoints.load(Path(checkpoint))
    return build_bridge_from_module(
        model,
        architecture=ARCHITECTURE,
        tl_config=_config(header.model, header.vocab_size, header.n_ctx),
        model_name=f"{header.cell}-step{header.step}",
    )


def _config(arch: Model, vocab_size: int, n_ctx: int) -> TransformerBridgeConfig:
    # "rotary" tells TransformerLens that there is no module of position embeddings to wrap; our
    # own forward pass decides what positions do.
    positions: Literal["standard", "rotary"] = (
        "standard" if arch.positions == "learned" else "rotary"
    )
    return TransformerBridgeConfig(
        d_model=arch.d_model,
        d_head=arch.d_head,
        n_heads=arch.n_heads,
        n_layers=arch.n_layers,
        n_ctx=n_ctx,
        d_vocab=vocab_size,
        d_mlp=arch.d_mlp if arch.mlp else None,
        act_fn="gelu" if arch.mlp else None,
        attn_only=not arch.mlp,
        normalization_type="LN",
        positional_embedding_type=positions,
        architecture=ARCHITECTURE,
    )
