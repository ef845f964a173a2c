"""What a head copies and matches by its weights alone.

Row vectors, as in TransformerLens: scores are x W_Q W_K^T x^T, a head writes x W_V W_O. Positions
and smeared keys enter no product of weights. Traces and eigenvalues of vocab × vocab matrices are
taken through their d_head × d_head core: AB and BA have the same.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from induction.models.model import Model
from induction.models.transformer import Transformer

PerHead = Float[Tensor, "layer head"]


@dataclass(frozen=True)
class Weights:
    """Matrices of every head, and those of the tokens."""

    W_Q: Float[Tensor, "layer head d_model d_head"]
    W_K: Float[Tensor, "layer head d_model d_head"]
    W_V: Float[Tensor, "layer head d_model d_head"]
    W_O: Float[Tensor, "layer head d_head d_model"]
    W_E: Float[Tensor, "vocab d_model"]
    W_U: Float[Tensor, "vocab d_model"]


def raw(model: Model) -> Weights:
    """The weights as they are, in double precision, without norms; of the tokens that there are."""

    def of(name: Literal["W_Q", "W_K", "W_V", "W_O"]) -> Float[Tensor, "layer head _ _"]:
        return torch.stack([getattr(block.attn, name) for block in model.layers]).detach().double()

    return Weights(
        of("W_Q"),
        of("W_K"),
        of("W_V"),
        of("W_O"),
        model.tok_embed.weight[: model.vocab_size].detach().double(),
        model.head.weight[: model.vocab_size].detach().double(),
    )


def unembedding(model: Model) -> Float[Tensor, "vocab d_model"]:
    """W_U with `ln_out` folded in, and centred over the vocabulary, which changes no softmax:
    logits have mean zero."""
    W_U = (model.head.weight[: model.vocab_size] * model.ln_out.weight).detach()
    W_U = centred(model.ln_out, W_U, 1)
    return W_U - W_U.mean(0)


def centred(norm: nn.Module, matrix: Tensor, axis: int) -> Tensor:
    """A matrix whose `axis` reads what `norm` writes, with the centring of a LayerNorm in it. An
    RMSNorm does not centre."""
    if not isinstance(norm, nn.LayerNorm):
        return matrix
    return matrix - matrix.mean(axis, keepdim=True)


def gains(model: Model) -> Float[Tensor, "layer d_model"]:
    """The gain of every `ln1`, in double precision."""
    return torch.stack([block.ln1.weight.detach() for block in model.layers]).double()


def folded(model: Model) -> Weights:
    """The weights with the linear part of every norm in the matrix that reads it.

    A LayerNorm centres, which an RMSNorm does not, divides by a scale and multiplies by its gain:
    gain and centring go into W_Q, W_K, W_V and W_U; the scale, one number per token, and the bias
    are left out (Elhage et al. 2021 fold likewise, Olsson et al. 2022 do not say).
    """
    unfolded = raw(model)
    gain = gains(model)[:, None, :, None]

    def read(matrix: Tensor) -> Tensor:
        return centred(model.layers[0].ln1, gain * matrix, -2)

    return replace(
        unfolded,
        W_Q=read(unfolded.W_Q),
        W_K=read(unfolded.W_K),
        W_V=read(unfolded.W_V),
        W_U=unembedding(model).double(),
    )


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 where the whole is 0, as in a head whose weights are all zero."""
    return torch.where(whole > 0, part / whole, torch.zeros_like(part))


def positivity(square: Float[Tensor, "*heads n n"]) -> Float[Tensor, "*heads"]:
    """sum(l) / sum|l| over the eigenvalues l of each matrix, in [-1, 1]; 0 without any.

    Near 1 for a map that mostly copies its input (Elhage et al. 2021, Detecting Copying Behavior);
    near 0 for random matrices.
    """
    eigenvalues = torch.linalg.eigvals(square)
    return ratio(eigenvalues.real.sum(-1), eigenvalues.abs().sum(-1))


def ov_positivity(weights: Weights) -> PerHead:
    """Positivity of W_E W_V W_O W_U^T: does attending to a token raise that same token?

    Olsson et al. 2022, Validating head activation evaluators.
    """
    tokens = weights.W_U.T @ weights.W_E
    return positivity(weights.W_O @ tokens @ weights.W_V)


def previous_token_terms(
    weights: Weights, previous: PerHead
) -> Float[Tensor, "later_layer head d_head d_head"]:
    """The core of the previous-token term of every head but those of layer 0.

    W = sum over all heads k of earlier layers of p_k W_E W_Q W_K^T (W_V^k W_O^k)^T W_E^T, vocab ×
    vocab: query from the token itself, key from the token that k moved here (Olsson et al. 2022,
    Data Collection (4)); p_k, in `previous`, is its attention to the previous token. The core has
    the trace and the nonzero eigenvalues of W.
    """
    gram = weights.W_E.T @ weights.W_E
    moved, terms = torch.zeros_like(gram), []
    for layer in range(1, len(weights.W_Q)):
        p = previous[layer - 1].to(gram.dtype)[:, None, None]
        moved = moved + (p * (weights.W_V[layer - 1] @ weights.W_O[layer - 1])).sum(0)
        terms.append(weights.W_K[layer].mT @ moved.T @ gram @ weights.W_Q[layer])
    n_heads, d_head = weights.W_Q.shape[1], weights.W_Q.shape[3]
    return torch.stack(terms) if terms else gram.new_zeros(0, n_heads, d_head, d_head)


def qk_trace(weights: Weights, previous: PerHead) -> PerHead:
    """Trace of the previous-token term: positive where equal tokens attract; NaN in layer 0."""
    terms = previous_token_terms(weights, previous)
    return _after_layer_0(terms.diagonal(dim1=-2, dim2=-1).sum(-1))


def qk_positivity(weights: Weights, previous: PerHead) -> PerHead:
    """Positivity of the previous-token term: like its trace, without its scale; NaN in layer 0."""
    return _after_layer_0(positivity(previous_token_terms(weights, previous)))


def _after_layer_0(later: Float[Tensor, "later_layer head"]) -> PerHead:
    return torch.cat([later.new_full((1, later.shape[1]), torch.nan), later])


def smear_gates(model: Model) -> PerHead:
    """The share of its own key that a position keeps, in [0, 1]; NaN where keys are not smeared."""
    if not isinstance(model, Transformer) or not model.smeared_keys:
        return torch.full((model.n_layers, model.n_heads), torch.nan)
    return torch.stack([block.attn.smear_gate.detach().sigmoid() for block in model.layers])
