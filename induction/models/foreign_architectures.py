"""GPT-NeoX, GPT-2 and Llama of `transformers`, taken apart for `induction.models.foreign`.

Another architecture is another function here: it finds the matrices, and says how its attention
departs from the common form.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from induction.models.foreign import Cosines, ForeignAttention, ForeignBlock, ForeignModel


def _linear(weight: Float[Tensor, "out in"], bias: Float[Tensor, "out"] | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    if bias is not None:
        linear.bias = nn.Parameter(bias.contiguous(), requires_grad=False)
    return linear


def _rotary(embedding: nn.Module, n_ctx: int) -> tuple[Cosines, Cosines]:
    """The cosines and sines of all positions, as the model itself makes them."""
    cos, sin = embedding(torch.zeros(()), torch.arange(n_ctx)[None])
    return cos[0], sin[0]


def _gpt_neox(model: Any, n_ctx: int, vocab_size: int) -> ForeignModel:
    config, body = model.config, model.gpt_neox
    d_head = config.hidden_size // config.num_attention_heads
    rotary = _rotary(body.rotary_emb, n_ctx)
    blocks = []
    for layer in body.layers:
        # Per head, the rows of q, then those of k, then those of v.
        qkv = layer.attention.query_key_value
        weights = qkv.weight.unflatten(0, (config.num_attention_heads, 3, d_head))
        biases = None if qkv.bias is None else qkv.bias.unflatten(0, (-1, 3, d_head))
        q, k, v = (
            _linear(weights[:, i].flatten(0, 1), None if biases is None else biases[:, i].flatten())
            for i in range(3)
        )
        attn = ForeignAttention(q, k, v, layer.attention.dense, d_head, d_head**-0.5, rotary)
        blocks.append(
            ForeignBlock(
                layer.input_layernorm,
                attn,
                layer.post_attention_layernorm,
                layer.mlp,
                config.use_parallel_residual,
            )
        )
    return ForeignModel(
        body.embed_in, blocks, body.final_layer_norm, model.lm_head, n_ctx, vocab_size
    )


def _gpt2(model: Any, n_ctx: int, vocab_size: int) -> ForeignModel:
    config, body = model.config, model.transformer
    blocks = []
    for layer in body.h:
        # These matrices are stored transposed.
        qkv, proj = layer.attn.c_attn, layer.attn.c_proj
        q, k, v = map(_linear, qkv.weight.T.chunk(3), qkv.bias.chunk(3))
        attn = ForeignAttention(
            q,
            k,
            v,
            _linear(proj.weight.T, proj.bias),
            config.hidden_size // config.num_attention_heads,
            layer.attn.scaling,
        )
        blocks.append(ForeignBlock(layer.ln_1, attn, layer.ln_2, layer.mlp))
    return ForeignModel(body.wte, blocks, body.ln_f, model.lm_head, n_ctx, vocab_size, pos=body.wpe)


def _llama(model: Any, n_ctx: int, vocab_size: int) -> ForeignModel:
    body = model.model
    rotary = _rotary(body.rotary_emb, n_ctx)
    blocks = []
    for layer in body.layers:
        projections = layer.self_attn
        attn = ForeignAttention(
            projections.q_proj,
            projections.k_proj,
            projections.v_proj,
            projections.o_proj,
            projections.head_dim,
            projections.scaling,
            rotary,
        )
        blocks.append(
            ForeignBlock(layer.input_layernorm, attn, layer.post_attention_layernorm, layer.mlp)
        )
    return ForeignModel(body.embed_tokens, blocks, body.norm, model.lm_head, n_ctx, vocab_size)


# By `model_type` of a config.json.
ARCHITECTURES: dict[str, Callable[[Any, int, int], ForeignModel]] = {
    "gpt_neox": _gpt_neox,
    "gpt2": _gpt2,
    "llama": _llama,
}


def foreign_model(model: Any, vocab_size: int) -> ForeignModel:
    """A model of `transformers`, of one of `ARCHITECTURES`, in evaluation mode and fp32.

    Shares its weights. `vocab_size` is that of its tokenizer.
    """
    build = ARCHITECTURES[model.config.model_type]
    wrapped = build(model, model.config.max_position_embeddings, vocab_size)
    return wrapped.requires_grad_(False).eval()
