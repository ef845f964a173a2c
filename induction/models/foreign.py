"""A model of `transformers`, layer by layer, as `induction.interp` reads our own.

Its embeddings, norms and MLPs are used as they are. Attention is ours, from its matrices, so that
every pattern and every head can be read and edited, and by as many threads as one likes:
TransformerLens's hooks sit on the model, and threads that share it edit one another's runs.

Axes are named as in `induction.models.transformer`.
"""

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from induction.models.causal_heads import CausalHeads
from induction.models.linear import Linear, replace_linears

Vectors = Float[Tensor, "batch some_head pos d_head"]
Cosines = Float[Tensor, "n_ctx dim"]


def rotated(x: Vectors, cos: Cosines, sin: Cosines) -> Vectors:
    """Rotary positions (Su et al. 2021) in the first `dim` dimensions, halves convention."""
    n_pos, dim = x.shape[2], cos.shape[1]
    part, rest = x[..., :dim], x[..., dim:]
    first, second = part.chunk(2, -1)
    turned = torch.cat([-second, first], -1)
    return torch.cat([part * cos[:n_pos] + turned * sin[:n_pos], rest], -1)


class ForeignAttention(CausalHeads):
    """One attention layer, as `induction.models.transformer.Attention` but for the smearing.

    With grouped queries k and v have fewer heads: each serves several heads of q in a row.
    """

    cos: Tensor
    sin: Tensor
    smear_gate: Tensor  # there is none

    def __init__(
        self,
        q: nn.Linear,
        k: nn.Linear,
        v: nn.Linear,
        o: nn.Linear,
        d_head: int,
        scale: float,
        rotary: tuple[Cosines, Cosines] | None = None,
    ):
        """`scale` multiplies the products of queries and keys; `rotary` has the cosines and sines
        of all positions, where the model has rotary ones."""
        super().__init__()
        self.q, self.k, self.v, self.o = q, k, v, o
        self.d_head, self.n_heads = d_head, q.out_features // d_head
        self.heads_per_key = q.out_features // k.out_features
        # Our attention divides by sqrt(d_head), as almost all models do.
        factor = scale * math.sqrt(d_head)
        self.q_factor = 1.0 if math.isclose(factor, 1) else factor
        self.is_rotary = rotary is not None
        for name, table in zip(("cos", "sin"), rotary or (), strict=False):
            self.register_buffer(name, table)

    def _of_every_head(self, grouped: Tensor, axis: int) -> Tensor:
        """Keys or values, repeated for all heads that share them."""
        repeats = self.heads_per_key
        return grouped if repeats == 1 else grouped.repeat_interleave(repeats, axis)

    def qk(
        self, x: Float[Tensor, "batch pos d_model"], smear_gate: Tensor | None = None
    ) -> tuple[Float[Tensor, "batch head pos d_head"], Float[Tensor, "batch head pos d_head"]]:
        """Queries and keys of every head, rotated where the model rotates them."""
        if smear_gate is not None:
            raise ValueError("smear_gate: the keys of this model are not smeared")
        q, k = self._heads(self.q(x)), self._heads(self.k(x))
        if self.is_rotary:
            q, k = rotated(q, self.cos, self.sin), rotated(k, self.cos, self.sin)
        return q if self.q_factor == 1 else q * self.q_factor, self._of_every_head(k, 1)

    def values(
        self, x: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch head pos d_head"]:
        return self._of_every_head(self._heads(self.v(x)), 1)

    @property
    def W_Q(self) -> Float[Tensor, "head d_model d_head"]:
        """With the factor by which this layer's scores depart from 1/sqrt(d_head)."""
        return self.q.weight.unflatten(0, (-1, self.d_head)).mT * self.q_factor

    @property
    def W_K(self) -> Float[Tensor, "head d_model d_head"]:
        return self._of_every_head(self.k.weight.unflatten(0, (-1, self.d_head)).mT, 0)

    @property
    def W_V(self) -> Float[Tensor, "head d_model d_head"]:
        return self._of_every_head(self.v.weight.unflatten(0, (-1, self.d_head)).mT, 0)


class ForeignBlock(nn.Module):
    """One layer. In a parallel one, as in GPT-NeoX, attention and MLP read the same stream."""

    ln1: Any  # a LayerNorm or an RMSNorm, which share no class

    def __init__(
        self,
        ln1: nn.Module,
        attn: ForeignAttention,
        ln2: nn.Module,
        mlp: nn.Module,
        is_parallel: bool = False,
    ):
        super().__init__()
        self.ln1, self.attn, self.ln2, self.mlp = ln1, attn, ln2, mlp
        self.is_parallel = is_parallel

    def mlp_out(
        self, resid: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """What the MLP writes; it reads `resid_pre` in a parallel layer, else `resid_mid`."""
        return self.mlp(self.ln2(resid))

    def after_attention(
        self, resid: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """`resid_mid` -> `resid_post`, of a layer that is not parallel."""
        return resid + self.mlp_out(resid)


class ForeignModel(nn.Module):
    """A model of others, with what `induction.interp` asks of a model.

    `vocab_size` is that of the tokenizer: the rows of `head` may be padded to more, and then count
    in losses, as they do in the model's own.
    """

    layers: Sequence[ForeignBlock]
    ln_out: Any  # a LayerNorm or an RMSNorm
    smeared_keys = False

    def __init__(
        self,
        tok_embed: nn.Embedding,
        layers: list[ForeignBlock],
        ln_out: nn.Module,
        head: nn.Linear,
        n_ctx: int,
        vocab_size: int,
        pos: nn.Embedding | None = None,
    ):
        super().__init__()
        self.tok_embed, self.ln_out, self.head = tok_embed, ln_out, head
        self.pos = pos
        self.layers = cast(Sequence[ForeignBlock], nn.ModuleList(layers))
        replace_linears(self, nn.Linear, Linear)
        self.n_ctx, self.vocab_size = n_ctx, vocab_size
        attn = layers[0].attn
        self.n_layers, self.n_heads, self.d_head = len(layers), attn.n_heads, attn.d_head
        self.d_model = tok_embed.embedding_dim

    def embedding(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Token embedding, plus the learned positions where the model has them."""
        resid = self.tok_embed(tokens)
        if self.pos is not None:
            resid = resid + self.pos(torch.arange(tokens.shape[1], device=tokens.device))
        return resid
