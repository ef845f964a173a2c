"""Heads as maps between tokens: the full OV and QK circuits, without their vocab × vocab matrices.

What every token circuit here includes and leaves out (Elhage et al. 2021 fold likewise):

- A LayerNorm centres, multiplies by gain/scale and adds a bias. Gain and centring are folded into
  the matrices. In layer 0 a token's input is `ln1(W_E[token])`, scale and bias included: exact,
  unless learned positions share that LayerNorm. In later layers, and before the unembedding, the
  scale is its mean over held-out text, and the bias, which depends on no token, is left out.
- Inputs are those of the direct path: what earlier heads and MLPs write is left out.
- Positions are left out; of smeared keys, a circuit has the share of the unsmeared key.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.interp.circuits.edges import Edge, Head
from induction.interp.weights import Weights, gains, ratio, raw, smear_gates, unembedding
from induction.models.transformer import Transformer

# Entries of one block of rows of a vocab × vocab matrix that are in memory at once.
BLOCK = 1 << 23


class Diagonal(NamedTuple):
    """Of a square matrix: the share of rows whose diagonal entry is their only maximum, and the
    mean share of other entries of a row that are no smaller than it (0 best, 1/2 by chance)."""

    share: float
    above: float


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
        R_left, R_right = (torch.linalg.qr(m, mode="r").R for m in (self.left, self.right))
        squares = torch.linalg.svdvals(R_left @ R_right.mT) ** 2
        return ratio(squares.sum() ** 2, (squares**2).sum()).item()

    def diagonal(self) -> Diagonal:
        best, above, n = 0, 0.0, len(self.right)
        for block in self.blocks():
            rows = self.rows(block)
            others = (rows >= rows.diagonal(block.start)[:, None]).sum(1) - 1
            best += int((others == 0).sum())
            above += (others.double() / max(n - 1, 1)).sum().item()
        return Diagonal(best / n, above / n)

    def top(
        self, rows: int, columns: int
    ) -> tuple[Int[Tensor, "rows"], Int[Tensor, "rows columns"], Float[Tensor, "rows columns"]]:
        """The rows with the largest entries, largest first, and the largest columns of each."""
        most = min(columns, len(self.right))
        tops = [self.rows(block).topk(most, 1) for block in self.blocks()]
        values = torch.cat([top.values for top in tops])
        indices = torch.cat([top.indices for top in tops])
        best = values[:, 0].topk(min(rows, len(values))).indices
        return best, indices[best], values[best]


@dataclass(frozen=True)
class TokenCircuits:
    """Token circuits of every head of one checkpoint; double precision.

    `inputs` are what each layer reads of every token, `gains` those of its LayerNorm over its
    scale; of `weights`, only W_U has its LayerNorm folded in. `unsmeared` is the share of its
    unsmeared key that a position keeps, 1 without smeared keys.
    """

    inputs: list[Float[Tensor, "vocab d_model"]]
    gains: Float[Tensor, "layer d_model"]
    weights: Weights
    unsmeared: Float[Tensor, "layer head"]

    def ov(self, head: Head) -> Factored:
        """[source, out]: nats that attending to a source adds to the logit of out, above the mean
        logit."""
        left = self.inputs[head.layer] @ self.weights.W_V[head]
        return Factored(left, self.weights.W_U @ self.weights.W_O[head].T)

    def qk(self, head: Head) -> Factored:
        """[destination, source]: nats of attention score."""
        return self._scores(head, self.unsmeared[head])

    def k(self, edge: Edge) -> Factored:
        """[query token, token before the key]: nats of score that a query gives to a key through
        what the sender, attending to that token alone, moved there: W_E W_QK (W_OV)^T W_E^T
        (Elhage et al. 2021, Two-Layer Attention-Only Transformers)."""
        receiver, sender = edge
        moved = self.inputs[sender.layer] @ self.weights.W_V[sender] @ self.weights.W_O[sender]
        read = (moved - moved.mean(1, keepdim=True)) * self.gains[receiver.layer]
        return Factored(self._queries(receiver), read @ self.weights.W_K[receiver])

    def smeared(self, head: Head) -> Factored:
        """[query token, token before the key]: nats of score through the share that the previous
        position has in a smeared key."""
        return self._scores(head, 1 - self.unsmeared[head])

    def _queries(self, head: Head) -> Float[Tensor, "vocab d_head"]:
        W_Q = self.weights.W_Q[head]
        return self.inputs[head.layer] @ W_Q / W_Q.shape[1] ** 0.5

    def _scores(self, head: Head, share: Float[Tensor, ""]) -> Factored:
        keys = self.inputs[head.layer] @ self.weights.W_K[head]
        return Factored(self._queries(head) * share, keys)


@torch.inference_mode()
def token_circuits(model: Transformer, scales: Float[Tensor, "norm"]) -> TokenCircuits:
    """`scales` are 1/scale of `ln1` of every layer, then of `ln_out`."""
    weights, scales = raw(model), scales.double()
    scaled = gains(model) * scales[:-1, None]
    centred = weights.W_E - weights.W_E.mean(1, keepdim=True)
    inputs = [centred * gain for gain in scaled]
    if model.arch.positions != "learned":
        inputs[0] = model.layers[0].ln1(model.tok_embed.weight).double()
    return TokenCircuits(
        inputs,
        scaled,
        replace(weights, W_U=unembedding(model).double() * scales[-1]),
        smear_gates(model).double().nan_to_num(1.0),
    )


def inexact(model: Transformer, layer: int) -> str:
    """Why the QK and OV circuits of a layer's heads leave out more than what earlier heads write
    and the scale of the last LayerNorm; '' where they do not."""
    arch, reasons = model.arch, []
    if layer > 0:
        reasons.append("the scale of ln1 is its mean over text")
        if arch.mlp:
            reasons.append("MLPs between are left out")
    elif arch.positions == "learned":
        reasons.append("learned positions share ln1 with the tokens: its scale is its mean")
    if arch.positions == "rotary":
        reasons.append("rotary positions turn scores with distance: these are those at distance 0")
    if arch.smeared_keys:
        reasons.append("the share of the previous position's key is left out")
    return "; ".join(reasons)
