"""Which heads read what earlier heads write, by their weights, and what chance would give.

Conventions are those of `induction.interp.weights`. Frobenius norms are exact: products are taken
through triangles of d_head × d_head. (Swapping factors, which leaves traces alone, changes norms:
the bug that Elhage et al. 2021 report in their first version.)
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import matrix_norm

from induction.interp.weights import Weights, ratio

ReceiverInput = Literal["q", "k", "v"]


def pairs(n_layers: int, n_heads: int) -> list[tuple[int, int, int, int]]:
    """(layer, head, from_layer, from_head) of every head and every head of an earlier layer."""
    return [
        (layer, head, from_layer, from_head)
        for layer in range(n_layers)
        for head in range(n_heads)
        for from_layer in range(layer)
        for from_head in range(n_heads)
    ]


def _triangle(matrix: Float[Tensor, "*heads d_model d_head"]) -> Float[Tensor, "*heads n d_head"]:
    """R of matrix = Q R: norms of products through `matrix` are those through R."""
    return torch.linalg.qr(matrix, mode="r").R


def compositions(weights: Weights) -> dict[ReceiverInput, Float[Tensor, "pair"]]:
    """How much of what an earlier head writes a head reads, in the order of `pairs`.

    |W_OV^from W| / (|W_OV^from| |W|) in Frobenius norms, where W is W_QK (q), its transpose (k) or
    W_OV (v) of the reading head (Elhage et al. 2021, Analyzing a Two-Layer Model); in [0, 1].
    """
    shares: dict[ReceiverInput, list[Tensor]] = {"q": [], "k": [], "v": []}
    R_Q, R_K, R_V = (_triangle(W) for W in (weights.W_Q, weights.W_K, weights.W_V))
    R_O = _triangle(weights.W_O.mT)
    qk, ov = matrix_norm(R_Q @ R_K.mT), matrix_norm(R_V @ R_O.mT)
    matrices: dict[ReceiverInput, tuple[Tensor, Tensor, Tensor]] = {
        "q": (weights.W_Q, R_K, qk),
        "k": (weights.W_K, R_Q, qk),
        "v": (weights.W_V, R_O, ov),
    }
    for layer in range(1, len(weights.W_Q)):
        for receiver_input, (matrix, rest, norm) in matrices.items():
            # [head, from_layer, from_head, d_head, d_head]
            core = weights.W_O[:layer] @ matrix[layer][:, None, None]
            product = R_V[:layer] @ core @ rest[layer][:, None, None].mT
            whole = ov[:layer] * norm[layer][:, None, None]
            shares[receiver_input].append(ratio(matrix_norm(product), whole).flatten())
    none = weights.W_Q.new_zeros(0)
    return {into: torch.cat([none, *by_layer]) for into, by_layer in shares.items()}


def orientations(
    draws: int, d_model: int, d_head: int, seed: int
) -> Float[Tensor, "draw d_head d_head"]:
    """Squared cosines between the axes of two random subspaces of dimension d_head."""
    rng = torch.Generator().manual_seed(seed)
    gaussian = torch.randn(draws, d_model, d_head, generator=rng, dtype=torch.float64)
    return torch.linalg.qr(gaussian).Q[:, :d_head] ** 2


def compositions_by_chance(
    weights: Weights, cosines: Float[Tensor, "draw d_head d_head"], quantile: float
) -> tuple[dict[ReceiverInput, Float[Tensor, "pair"]], dict[ReceiverInput, Float[Tensor, "pair"]]]:
    """Mean and `quantile` of the composition scores of circuits that are turned at random.

    The circuits keep their singular values s and t; in random orientation their score is
    sqrt(sum_ij s_i² c_ij t_j² / (|s|² |t|²)), c the squared cosines of `orientations`. Its mean
    square is 1/d_model whatever s and t are, which is also what random Gaussian matrices of these
    shapes have (the baseline of Elhage et al. 2021); but two circuits of few singular values
    spread far more about it than Gaussian ones. q and k read by the same circuit, so that their
    scores by chance are the same.
    """
    spectra = []
    for left, right in ((weights.W_Q, weights.W_K), (weights.W_V, weights.W_O.mT)):
        squares = torch.linalg.svdvals(_triangle(left) @ _triangle(right).mT) ** 2
        spectra.append(ratio(squares, squares.sum(-1, keepdim=True)))
    qk, ov = spectra
    cosines = cosines.to(ov)
    rank = math.ceil(quantile * len(cosines)) - 1
    none = ov.new_zeros(0)
    means, highs = [], []
    for spectrum in (qk, ov):
        drawn = [
            torch.einsum("fgi,nij,hj->nhfg", ov[:layer], cosines, spectrum[layer]).sqrt().flatten(1)
            for layer in range(1, len(spectrum))
        ]
        means.append(torch.cat([none, *(scores.mean(0) for scores in drawn)]))
        highs.append(torch.cat([none, *(scores.sort(0).values[rank] for scores in drawn)]))
    (qk_mean, ov_mean), (qk_high, ov_high) = means, highs
    return {"q": qk_mean, "k": qk_mean, "v": ov_mean}, {"q": qk_high, "k": qk_high, "v": ov_high}
