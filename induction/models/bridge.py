"""Any checkpoint as a TransformerLens model, with its hooks, caches and weight views.

    from induction.models.bridge import open_in_transformer_lens
    bridge = open_in_transformer_lens("data/train/attn2_s0/step_001026.safetensors")
    logits, cache = bridge.run_with_cache(tokens)
    cache["blocks.1.attn.hook_pattern"]      # [batch, head, query, key]

Runs, hooks, caches, gradients, generation, starting and stopping at a layer, and processing of
weights (`enable_compatibility_mode`) give the plain model's numbers. `hook_q` and `hook_k` are the
outputs of W_Q and W_K, before rotation and smearing, and products of weights (`bridge.QK`) contain
neither smearing nor positions.

What the model cannot do raises StageError, in one line: text, because a checkpoint has no
tokenizer; padding before a token, because attention is only causal; hooks that would never fire,
such as `hook_result` and `hook_rot_q`; a key-value cache; and the rest of
`induction.models.bridge_limits`.
"""

import math
from pathlib import Path

from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge.architecture_adapter import ArchitectureAdapter
from transformer_lens.model_bridge.generalized_components import AttentionBridge
from transformer_lens.model_bridge.generalized_components.base import GeneralizedComponent

# A private path of TransformerLens 4.3; tests/models/test_bridge.py fails if it moves.
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

from induction.models import checkpoints
from induction.models.checked_bridge import CheckedBridge
from induction.models.hooked import hooked_copy
from induction.models.transformer import Transformer

ARCHITECTURE = "TransformerLensNative"
# What TransformerLens calls our positions. In a Shortformer (Press et al. 2021), too, they are
# added to what W_Q and W_K read.
POSITIONS = {"learned": "standard", "rotary": "rotary", "qk_sinusoidal": "shortformer"}


def open_in_transformer_lens(checkpoint: str | Path) -> CheckedBridge:
    """The model of a checkpoint as a `TransformerBridge`, on the CPU in fp32.

    Logits equal the plain model's to 1e-5. Raises StageError if the file is not a whole
    checkpoint.
    """
    model, header = checkpoints.load(Path(checkpoint))
    return bridge(model, f"{header.provenance.cell}-step{header.step}")


def bridge(model: Transformer, name: str) -> CheckedBridge:
    """A `TransformerBridge` over a copy of `model`: TransformerLens edits what it wraps."""
    arch = model.arch
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
        positional_embedding_type=POSITIONS[arch.positions],
        rotary_dim=arch.d_head if arch.positions == "rotary" else None,
        attn_scale=math.sqrt(arch.d_head),
        default_prepend_bos=False,
        tokenizer_prepends_bos=False,
        architecture=ARCHITECTURE,
    )
    copied = hooked_copy(model)
    raw_blocks = list(copied.layers)
    wrapped = build_bridge_from_module(
        copied,
        architecture=ARCHITECTURE,
        tl_config=config,
        model_name=name,
        post_adapter_hook=_fit_hooks,
    )
    wrapped.__class__ = CheckedBridge
    assert isinstance(wrapped, CheckedBridge)
    if not arch.mlp:
        wrapped.cfg.d_mlp = None  # TransformerLens fills in 4 d_model
    else:
        for block, raw in zip(wrapped.blocks, raw_blocks, strict=True):
            # As a plain attribute: the hook belongs to the wrapper.
            raw.__dict__["hook_resid_mid"] = block.hook_resid_mid
    return wrapped


class _AttentionBridge(AttentionBridge):
    """Has the hooks that our attention fires, and passes it the one on the scores."""

    supports_split_qkv_fork = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("hook_hidden_states", "hook_result", "hook_rot_q", "hook_rot_k"):
            _drop_hook(self, name)

    def forward(self, *args, **kwargs):
        return super().forward(*args, scores_fn=self.hook_attn_scores, **kwargs)


def _drop_hook(component: GeneralizedComponent, name: str) -> None:
    if component._hook_registry.pop(name, None) is not None:
        delattr(component, name)


def _fit_hooks(adapter: ArchitectureAdapter) -> None:
    """Give every hook that our forward pass can fire to the templates of the wrappers, and take
    the others away: an edit or a reading at a hook that never fires would go unnoticed."""
    components = adapter.component_mapping
    assert components is not None
    if adapter.cfg.positional_embedding_type == "shortformer":
        del components["pos_embed"]
    adapter.supports_kv_cache = False  # generate() then reads the whole sequence for every token
    blocks = components["blocks"]
    attn = blocks.submodules["attn"]
    blocks.submodules["attn"] = _AttentionBridge("attn", adapter.cfg, attn.submodules)
    aliases = dict(blocks.hook_aliases)
    for name in ("hook_attn_in", "hook_q_input", "hook_k_input", "hook_v_input", "hook_resid_mid"):
        aliases.pop(name, None)
    blocks.hook_aliases = aliases
    if adapter.cfg.attn_only:
        _drop_hook(blocks, "hook_mlp_in")
    else:
        # The alias that it replaces edits what the MLP reads, but not the stream.
        blocks.hook_resid_mid = HookPoint()
