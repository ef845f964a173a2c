"""The transformer of the study: small, plain PyTorch, every head reachable.

Axis glossary, used in every signature of this package:

    batch   sequences                  head    attention heads of one layer
    pos     positions 0 … n_ctx-1      query   destination positions
    d_model residual stream            key     source positions
    d_head  one head                   vocab   tokens

Submodules carry the names that TransformerLens's native adapter looks for (`tok_embed`,
`layers.<i>.attn.{q,k,v,o}`, `ln_out`, `head`), so that `induction.models.bridge` can open any
checkpoint without converting a weight.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from induction.config.model import Architecture
from induction.models.causal_heads import CausalHeads
from induction.models.linear import Linear


def sinusoids(n_ctx: int, d_model: int) -> Float[Tensor, "pos d_model"]:
    """Fixed sinusoids of Vaswani et al. (2017), amplitude 1: first the sines, then the cosines."""
    frequency = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10_000) / d_model))
    angle = torch.arange(n_ctx)[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)[:, :d_model]


def rotate(x: Float[Tensor, "batch head pos d_head"]) -> Float[Tensor, "batch head pos d_head"]:
    """Rotary positions (Su et al. 2021), halves convention, base 10,000."""
    half = x.shape[-1] // 2
    frequency = torch.exp(torch.arange(half, device=x.device) * (-math.log(10_000) / half))
    angle = torch.arange(x.shape[-2], device=x.device)[:, None] * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def smear(
    k: Float[Tensor, "batch head pos d_head"], gate: Float[Tensor, "head"]
) -> Float[Tensor, "batch head pos d_head"]:
    """Smeared keys: k_j <- s(a) k_j + (1 - s(a)) k_{j-1}, one gate a per head; k_0 is unchanged.

    Olsson et al. 2022, Argument 2. It acts on the keys as attention reads them: after W_K and,
    for rotary positions, after the rotation.
    """
    s = torch.sigmoid(gate)[:, None, None]
    previous = torch.cat([k[:, :, :1], k[:, :, :-1]], dim=2)
    return s * k + (1 - s) * previous


class Attention(CausalHeads):
    """One attention layer without biases; z = pattern @ v per head, out = z W_O."""

    # TransformerLens passes `pattern_fn` only to an attention that says it calls it.
    accepts_pattern_fn = True
    sinusoids: Float[Tensor, "pos d_model"]
    smear_gate: nn.Parameter  # of a model with smeared keys

    def __init__(self, arch: Architecture, n_ctx: int):
        super().__init__()
        self.arch, self.d_head = arch, arch.d_head
        d = arch.d_model
        self.q = Linear(d, d, bias=False)
        self.k = Linear(d, d, bias=False)
        self.v = Linear(d, d, bias=False)
        self.o = Linear(d, d, bias=False)
        if arch.smeared_keys:
            self.smear_gate = nn.Parameter(torch.full((arch.n_heads,), arch.init.smear_gate))
        if arch.positions == "qk_sinusoidal":
            table = arch.sinusoid_amplitude * sinusoids(n_ctx, d)
            self.register_buffer("sinusoids", table, persistent=False)

    def qk(
        self, x: Float[Tensor, "batch pos d_model"], smear_gate: Float[Tensor, "head"] | None = None
    ) -> tuple[Float[Tensor, "batch head pos d_head"], Float[Tensor, "batch head pos d_head"]]:
        """Queries and keys of every head, with positions and smearing applied.

        `qk_sinusoidal` adds fixed sinusoids to the inputs of W_Q and W_K only: nothing positional
        enters the residual stream or the values (Olsson et al. 2022, Model Details, note 25).
        `smear_gate` replaces the trained gates of a model with smeared keys.
        """
        if self.arch.positions == "qk_sinusoidal":
            x = x + self.sinusoids[: x.shape[1]]
        q, k = self._heads(self.q(x)), self._heads(self.k(x))
        if self.arch.positions == "rotary":
            q, k = rotate(q), rotate(k)
        if self.arch.smeared_keys:
            k = smear(k, self.smear_gate if smear_gate is None else smear_gate)
        return q, k

    def values(
        self, x: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch head pos d_head"]:
        return self._heads(self.v(x))

    @property
    def W_Q(self) -> Float[Tensor, "head d_model d_head"]:
        return self.q.weight.unflatten(0, (-1, self.d_head)).mT

    @property
    def W_K(self) -> Float[Tensor, "head d_model d_head"]:
        return self.k.weight.unflatten(0, (-1, self.d_head)).mT

    @property
    def W_V(self) -> Float[Tensor, "head d_model d_head"]:
        return self.v.weight.unflatten(0, (-1, self.d_head)).mT

    def forward(self, hidden_states, attention_mask=None, position_ids=None, pattern_fn=None, **_):
        """(output, pattern). With `pattern_fn`, the pattern is passed through it before the values
        are mixed, which is how TransformerLens reads and edits patterns. Without it, the pattern
        is never formed, and None takes its place."""
        (q, k), v = self.qk(hidden_states), self.values(hidden_states)
        if pattern_fn is None:
            return self.out(self.z(q, k, v)), None
        pattern = pattern_fn(self.pattern(q, k))
        return self.out(pattern @ v), pattern


class MLP(nn.Module):
    """GELU, with biases."""

    def __init__(self, arch: Architecture):
        super().__init__()
        self.fc_in = Linear(arch.d_model, arch.d_mlp)
        self.fc_out = Linear(arch.d_mlp, arch.d_model)

    def forward(self, x):
        return self.fc_out(F.gelu(self.fc_in(x)))


class Block(nn.Module):
    """resid + attn(ln1(resid)), then, with an MLP, + mlp(ln2(resid))."""

    def __init__(self, arch: Architecture, n_ctx: int):
        super().__init__()
        self.ln1 = nn.LayerNorm(arch.d_model)
        self.attn = Attention(arch, n_ctx)
        if arch.mlp:
            self.ln2 = nn.LayerNorm(arch.d_model)
            self.mlp = MLP(arch)

    def after_attention(
        self, resid: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """`resid_mid` -> `resid_post`: the identity in an attention-only model."""
        return resid + self.mlp(self.ln2(resid)) if hasattr(self, "mlp") else resid

    def forward(self, hidden_states, **kwargs):
        attn_out = self.attn(self.ln1(hidden_states), **kwargs)[0]
        return (self.after_attention(hidden_states + attn_out),)


class Transformer(nn.Module):
    """Decoder-only transformer with LayerNorm before each layer and before the unembedding."""

    layers: Sequence[Block]

    def __init__(self, arch: Architecture, vocab_size: int, n_ctx: int):
        super().__init__()
        self.arch = arch
        self.n_ctx, self.vocab_size = n_ctx, vocab_size
        self.n_layers, self.n_heads = arch.n_layers, arch.n_heads
        self.d_model, self.d_head = arch.d_model, arch.d_head
        self.smeared_keys = arch.smeared_keys
        self.tok_embed = nn.Embedding(vocab_size, arch.d_model)
        if arch.positions == "learned":
            self.pos = nn.Embedding(n_ctx, arch.d_model)
        blocks = nn.ModuleList([Block(arch, n_ctx) for _ in range(arch.n_layers)])
        self.layers = cast(Sequence[Block], blocks)
        self.ln_out = nn.LayerNorm(arch.d_model)
        self.head = Linear(arch.d_model, vocab_size, bias=False)

    def init_weights(self, seed: int) -> None:
        """Draw every weight from `seed`; the same seed gives the same bits on one machine."""
        init, rng = self.arch.init, torch.Generator().manual_seed(seed)

        def normal_(weight: Tensor, std: float) -> None:
            nn.init.normal_(weight, std=std, generator=rng)

        normal_(self.tok_embed.weight, init.embed_std)
        if self.arch.positions == "learned":
            normal_(self.pos.weight, init.embed_std)
        scale = 1 / math.sqrt(self.arch.d_model)
        for block in self.layers:
            for linear in (block.attn.q, block.attn.k, block.attn.v):
                normal_(linear.weight, init.qkv_gain * scale)
            normal_(block.attn.o.weight, init.o_gain * scale)
            if self.arch.mlp:
                normal_(block.mlp.fc_in.weight, init.qkv_gain * scale)
                normal_(block.mlp.fc_out.weight, init.o_gain / math.sqrt(self.arch.d_mlp))
                nn.init.zeros_(block.mlp.fc_in.bias)
                nn.init.zeros_(block.mlp.fc_out.bias)
        normal_(self.head.weight, init.unembed_std)

    def embedding(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Token embedding, plus the learned positions where the model has them."""
        resid = self.tok_embed(tokens)
        if self.arch.positions == "learned":
            resid = resid + self.pos(torch.arange(tokens.shape[1], device=tokens.device))
        return resid

    def forward(self, tokens: Int[Tensor, "batch pos"], **_) -> Float[Tensor, "batch pos vocab"]:
        resid = self.embedding(tokens)
        for block in self.layers:
            resid = block(resid)[0]
        return self.head(self.ln_out(resid))


def weight_shapes(arch: Architecture, vocab_size: int, n_ctx: int) -> dict[str, list[int]]:
    """Names and shapes of the model's `state_dict()`, without building the model."""
    d = arch.d_model
    shapes = {"tok_embed.weight": [vocab_size, d], "head.weight": [vocab_size, d]}
    if arch.positions == "learned":
        shapes["pos.weight"] = [n_ctx, d]
    norms = ["ln_out"]
    for layer in (f"layers.{i}" for i in range(arch.n_layers)):
        norms.append(f"{layer}.ln1")
        shapes |= {f"{layer}.attn.{name}.weight": [d, d] for name in "qkvo"}
        if arch.smeared_keys:
            shapes[f"{layer}.attn.smear_gate"] = [arch.n_heads]
        if arch.mlp:
            norms.append(f"{layer}.ln2")
            shapes |= {
                f"{layer}.mlp.fc_in.weight": [arch.d_mlp, d],
                f"{layer}.mlp.fc_in.bias": [arch.d_mlp],
                f"{layer}.mlp.fc_out.weight": [d, arch.d_mlp],
                f"{layer}.mlp.fc_out.bias": [d],
            }
    return shapes | {f"{norm}.{name}": [d] for norm in norms for name in ("weight", "bias")}
