"""Heads as maps between tokens: the full OV and QK circuits, without their vocab × vocab matrices.

What is left out of every token circuit here, and what not (Elhage et al. 2021 fold likewise):

- A LayerNorm centres, multiplies by gain/scale and adds a bias. Gain and centring are folded into
  the matrices. In layer 0 a token's input is `ln1(W_E[token])`, scale and bias included: exact,
  unless learned positions share that LayerNorm. In later layers, and before the unembedding, the
  scale is its mean over held-out text, and the bias, which knows of no token, is left out.
- Inputs are those of the direct path: what earlier heads and MLPs write is left out.
- Positions are left out; of smeared keys, a circuit has the share a position keeps of its own key.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from induction.interp.weights import ratio, raw, smear_gates, unembedding
from induction.models.transformer import Transformer

# Entries of one block of rows of a vocab × vocab matrix that are in memory at once.
BLOCK = 1 << 23
EXACT = ""


@dataclass(frozen=True)
class Factored:
    """A matrix left @ right^T of low rank, read by blocks of rows and never whole."""

    left: Float[Tensor, "row rank"]
    right: Float[Tensor, "column rank"]

    def blocks(self) -> list[slice]:
        size = max(1, BLOCK // len(self.right))
        return [slice(first, first + size) for first in range(0, len(self.left), size)]

    def rows(self, which: slice | Int[Tensor, "n"]) -> Float[Tensor, "n column"]:
        return self.left[which] @ self.right.T

    def centred(self, weight: Float[Tensor, "column"]) -> "Factored":
        """The same with the weighted mean of every row taken off it."""
        mean = (weight[:, None] * self.right).sum(0) / weight.sum()
        return Factored(self.left, self.right - mean)

    def of(self, rows: Int[Tensor, "row"], columns: Int[Tensor, "column"]) -> "Factored":
        return Factored(self.left[rows], self.right[columns])

    def effective_rank(self) -> float:
        """(sum s²)² / sum s⁴ over the singular values s; 0 of a matrix of zeros."""
        R = [torch.linalg.qr(own, mode="r").R for own in (self.left, self.right)]
        squares = torch.linalg.svdvals(R[0] @ R[1].mT) ** 2
        return ratio(squares.sum() ** 2, (squares**2).sum()).item()

    def diagonal(self) -> tuple[float, float]:
        """Of a square matrix: the share of rows whose own column is their only maximum, and the
        mean share of other columns that are no smaller than it (0 best, 1/2 by chance)."""
        best, above, n = 0, 0.0, len(self.right)
        for part in self.blocks():
            rows = self.rows(part)
            own = rows.diagonal(part.start)[:, None]
            others = (rows >= own).sum(1) - 1
            best += int((others == 0).sum())
            above += (others.double() / max(n - 1, 1)).sum().item()
        return best / n, above / n

    def top(
        self, rows: int, columns: int
    ) -> tuple[Int[Tensor, "rows"], Int[Tensor, "rows columns"], Float[Tensor, "rows columns"]]:
        """The rows with the largest entries, largest first, and the largest columns of each."""
        found = [self.rows(part).topk(min(columns, len(self.right)), 1) for part in self.blocks()]
        values = torch.cat([own.values for own in found])
        which = torch.cat([own.indices for own in found])
        best = values[:, 0].topk(min(rows, len(values))).indices
        return best, which[best], values[best]


@dataclass(frozen=True)
class Circuits:
    """Token circuits of every head of one checkpoint; double precision.

    `ov(layer, head)` [source, out]: nats that attending to a source adds to the logit of out, above
    the mean logit. `qk(layer, head)` [destination, source]: nats of attention score.
    `k(reader, writer)` [query token, token before the key]: nats of score that a query gives to a
    key by what an earlier head, were it to attend to that token alone, moved there: W_E W_QK
    (W_OV)^T W_E^T (Elhage et al. 2021, Two-Layer Attention-Only Transformers).
    """

    inputs: list[Float[Tensor, "vocab d_model"]]
    gains: Float[Tensor, "layer d_model"]
    W_Q: Float[Tensor, "layer head d_model d_head"]
    W_K: Float[Tensor, "layer head d_model d_head"]
    W_V: Float[Tensor, "layer head d_model d_head"]
    W_O: Float[Tensor, "layer head d_head d_model"]
    W_U: Float[Tensor, "vocab d_model"]
    kept: Float[Tensor, "layer head"]

    def ov(self, layer: int, head: int) -> Factored:
        left = self.inputs[layer] @ self.W_V[layer, head]
        return Factored(left, self.W_U @ self.W_O[layer, head].T)

    def qk(self, layer: int, head: int) -> Factored:
        own = self._queries(layer, head)
        return Factored(own * self.kept[layer, head], self._keys(layer, head, self.inputs[layer]))

    def k(self, reader: tuple[int, int], writer: tuple[int, int]) -> Factored:
        moved = self.inputs[writer[0]] @ self.W_V[writer] @ self.W_O[writer]
        read = (moved - moved.mean(1, keepdim=True)) * self.gains[reader[0]]
        return Factored(self._queries(*reader), self._keys(*reader, read))

    def smeared(self, layer: int, head: int) -> Factored:
        """[query token, token before the key], through the share of the previous key alone."""
        share = 1 - self.kept[layer, head]
        keys = self._keys(layer, head, self.inputs[layer])
        return Factored(self._queries(layer, head) * share, keys)

    def _queries(self, layer: int, head: int) -> Float[Tensor, "vocab d_head"]:
        W_Q = self.W_Q[layer, head]
        return self.inputs[layer] @ W_Q / W_Q.shape[1] ** 0.5

    def _keys(
        self, layer: int, head: int, read: Float[Tensor, "vocab d_model"]
    ) -> Float[Tensor, "vocab d_head"]:
        return read @ self.W_K[layer, head]


@torch.inference_mode()
def circuits(model: Transformer, scales: Float[Tensor, "norm"]) -> Circuits:
    """The circuits of `model`; `scales` are 1/scale of `ln1` of every layer, then of `ln_out`."""
    own, scales = raw(model), scales.double()
    gain = torch.stack([block.ln1.weight.detach() for block in model.layers]).double()
    gains = gain * scales[:-1, None]
    centred = own.W_E - own.W_E.mean(1, keepdim=True)
    inputs = [centred * read for read in gains]
    if model.arch.positions != "learned":
        inputs[0] = model.layers[0].ln1(model.tok_embed.weight).double()
    kept = smear_gates(model).double().nan_to_num(1.0)
    W_U = unembedding(model).double() * scales[-1]
    return Circuits(inputs, gains, own.W_Q, own.W_K, own.W_V, own.W_O, W_U, kept)


def inexact(model: Transformer, layer: int) -> str:
    """Why the QK and OV circuits of a layer's heads leave out more than what earlier heads write
    and the scale of the last LayerNorm; '' where they do not."""
    arch, found = model.arch, []
    if layer > 0:
        found.append("the scale of ln1 is its mean over text")
        if arch.mlp:
            found.append("MLPs between are left out")
    elif arch.positions == "learned":
        found.append("learned positions share ln1 with the tokens: its scale is its mean")
    if arch.positions == "rotary":
        found.append("rotary positions turn scores with distance: these are those at distance 0")
    if arch.smeared_keys:
        found.append("the share of the previous position's key is left out")
    return "; ".join(found)


def common(counts: Int[Tensor, "vocab"], at_least: int) -> Int[Tensor, "n"]:
    """Tokens with so many occurrences in training; id 0, end of text, is none of them."""
    ok: Bool[Tensor, vocab] = counts >= at_least
    ok[0] = False
    return ok.nonzero()[:, 0]
