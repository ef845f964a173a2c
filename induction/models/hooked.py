"""The copy of a model that TransformerLens wraps: the same numbers, with a few more handles.

What TransformerLens's native adapter does not reach in our forward pass is reached here: scores
before the softmax, the stream between attention and MLP, and a start at a later layer.
"""

import copy
import math
from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from induction.models.transformer import Attention, Block, Transformer

Hook = Callable[[Tensor], Tensor]


class HookedAttention(Attention):
    """Attention whose scores and pattern pass through hooks, which may edit them."""

    def scores(
        self, q: Float[Tensor, "batch head pos d_head"], k: Float[Tensor, "batch head pos d_head"]
    ) -> Float[Tensor, "batch head query key"]:
        """q k^T / sqrt(d_head), minus infinity for keys in the future."""
        future = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).triu(1)
        return (q @ k.mT / math.sqrt(self.arch.d_head)).masked_fill(future, -torch.inf)

    def forward(self, hidden_states: Tensor, pattern_fn: Hook, scores_fn: Hook, **_):
        (q, k), v = self.qk(hidden_states), self.values(hidden_states)
        pattern = pattern_fn(scores_fn(self.scores(q, k)).softmax(-1))
        # TransformerLens would take a pattern in second place for scores.
        return self.out(pattern @ v), None


class HookedBlock(Block):
    """A block with a hook on the whole residual stream between attention and MLP."""

    hook_resid_mid: Hook

    def after_attention(
        self, resid: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch pos d_model"]:
        return super().after_attention(self.hook_resid_mid(resid) if self.arch.mlp else resid)

    @property
    def arch(self):
        return self.attn.arch


class ResumableTransformer(Transformer):
    """A transformer that can also begin at a later block."""

    def embedding(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Positions have an axis `batch`, as caches are to have in all they hold."""
        resid = self.tok_embed(tokens)
        if self.arch.positions == "learned":
            resid = resid + self.pos(torch.arange(tokens.shape[1]).to(tokens).expand_as(tokens))
        return resid

    def forward(
        self,
        tokens: Int[Tensor, "batch pos"] | None = None,
        inputs_embeds: Float[Tensor, "batch pos d_model"] | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> Float[Tensor, "batch pos vocab"]:
        """`inputs_embeds` enters the block that TransformerLens has marked as the first.

        `labels` are for the loss, which the bridge computes. `attention_mask` changes nothing: the
        bridge admits only masks of what causal attention does not see anyway.
        """
        if inputs_embeds is None:
            assert tokens is not None
            return super().forward(tokens)
        first = getattr(self.layers[0], "_start_at_layer_idx", None) or 0
        for block in list(self.layers)[first:]:
            inputs_embeds = block(inputs_embeds)[0]
        return self.head(self.ln_out(inputs_embeds))


def hooked_copy(model: Transformer) -> ResumableTransformer:
    """A copy of `model`, to be wrapped and edited."""
    copied = copy.deepcopy(model)
    copied.__class__ = ResumableTransformer
    for block in copied.layers:
        block.__class__ = HookedBlock
        block.attn.__class__ = HookedAttention
    return cast(ResumableTransformer, copied)


def _add_positions(linear: nn.Module, _, output: Tensor) -> Tensor:
    return output + cast(Tensor, linear.positions)[: output.shape[1]]


def keep_positions(attn: Attention, projections: list[nn.Linear]) -> None:
    """Add W·sinusoids after W_Q and W_K instead of the sinusoids before: the same queries and keys.

    Sinusoids enter after LayerNorm, so that folding its gain into W_Q and W_K must not scale them.
    """
    for linear in projections:
        positions = (attn.sinusoids @ linear.weight.T).detach()
        linear.register_buffer("positions", positions, persistent=False)
        linear.register_forward_hook(_add_positions)
    attn.sinusoids.zero_()
