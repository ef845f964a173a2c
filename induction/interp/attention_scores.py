"""What a head attends to and copies: masks over keys, and the scores of patterns by them."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from induction.interp.activations import layers
from induction.interp.weights import unembedding
from induction.models.model import Model

Tokens = Int[Tensor, "batch pos"]
Keys = Bool[Tensor, "batch query key"]
Queries = Bool[Tensor, "batch query"]
Patterns = Float[Tensor, "batch head query key"]
PerHead = Float[Tensor, "head"]


def same_token(tokens: Tokens) -> Keys:
    """True where the key is an earlier occurrence of the query's token."""
    return (tokens[:, :, None] == tokens[:, None, :]).tril(-1)


def after_same_token(tokens: Tokens) -> Keys:
    """True where the key is the token *after* an earlier occurrence of the query's token."""
    earlier = same_token(tokens)
    return torch.cat([torch.zeros_like(earlier[:, :, :1]), earlier[:, :, :-1]], dim=2)


def attention_on(pattern: Patterns, target: Keys, scored: Queries) -> PerHead:
    """Attention summed over the target keys, averaged over the scored queries, per head.

    Summed, not averaged, over keys: by the fourth repeat there are three right answers, and a
    head that splits its attention between them is as much an induction head as one that picks
    one (Olsson et al. 2022, Model Analysis Table: the *fraction* of attention).
    """
    on_target = (pattern * target[:, None]).sum(-1)
    weight = scored[:, None].to(pattern.dtype)
    return (on_target * weight).sum((0, 2)) / weight.sum((0, 2))


def prefix_matching(pattern: Patterns, tokens: Tokens, in_block: Queries) -> PerHead:
    """Prefix matching: attention to the tokens after earlier occurrences of the current token.

    Scored where the current token is one of the block's and has occurred before. Near 1 for an
    induction head, near (number of keys)/(position) for one that looks everywhere.
    """
    scored = in_block & same_token(tokens).any(-1)
    return attention_on(pattern, after_same_token(tokens), scored)


def same_token_attention(pattern: Patterns, tokens: Tokens, in_block: Queries) -> PerHead:
    """Attention to the earlier occurrences themselves, a control for prefix matching."""
    earlier = same_token(tokens)
    return attention_on(pattern, earlier, in_block & earlier.any(-1))


def first_token(pattern: Patterns, tokens: Tokens, in_block: Queries) -> PerHead:
    """Attention to the first token, BOS, from tokens of the block that have not occurred before:
    where nothing matches, induction heads are said to rest there (Elhage et al. 2021)."""
    target = torch.zeros_like(same_token(tokens))
    target[:, 1:, 0] = True
    scored = in_block & ~same_token(tokens).any(-1)
    scored[:, 0] = False
    return attention_on(pattern, target, scored)


def previous_token(pattern: Patterns, *_: Tensor) -> PerHead:
    """Mean attention from each position but the first to the one before (Data Collection (3)),
    whatever the tokens."""
    return pattern.diagonal(-1, 2, 3).mean((0, 2))


@torch.inference_mode()
def patterns(model: Model, tokens: Tokens) -> list[Patterns]:
    """The attention patterns of every layer."""
    return [layer.pattern for layer in layers(model, model.embedding(tokens))]


class Copying(NamedTuple):
    """Copying in two readings of one scale, each in [-1, 1]; see `copying`."""

    ratio: Float[Tensor, "layer head"]
    share: Float[Tensor, "layer head"]


@torch.inference_mode()
def copying(model: Model, tokens: Tokens) -> Copying:
    """Copying on distinct tokens: does a head raise the logit of what it attends to?

    Olsson et al. 2022, Data Collection (3). What a head moves from each source goes directly
    through `weights.unembedding` (the scale of the last LayerNorm cancels), then ReLU. The score
    compares a, the raise of the source's token, with T, that of all tokens of the sample. The paper
    says a ratio from 0 to 1/2, rescaled to -1 … 1, and gives no formula:

    ratio  4 a / (a + T) - 1: a/(a + T) is what has that range. Zero where a is T/3. By
           chance below 4 / (n + 1) - 1 with n tokens in the sample, as it is concave in a/T.
    share  2 a / T - 1: the words "ratio of the raise to that of all tokens", taken as a share of
           all, from 0 to 1. Zero where a is T/2. By chance 2/n - 1.

    Both agree at their ends, and order the raises of one source in the same way. Sources are
    weighted by attention and averaged over destinations, because a diffuse pattern has no one
    attended token (our choice). A source that raises nothing in the sample copies nothing: -1.
    """
    raised_by = unembedding(model)[tokens]
    scores = []
    for layer in layers(model, model.embedding(tokens)):
        heads = range(layer.v.shape[1])
        moved = torch.stack([layer.block.attn.head_out(layer.v, head) for head in heads], 1)
        # [batch, head, source, token of the sample]
        raises = (moved @ raised_by.mT[:, None]).relu()
        source, total = raises.diagonal(0, 2, 3), raises.sum(-1)
        attended = layer.pattern.mean(2)
        each = [
            ends * torch.where(whole > 0, source / whole, torch.zeros_like(source)) - 1
            for ends, whole in ((4, source + total), (2, total))
        ]
        scores.append(torch.stack([(attended * score).sum(-1).mean(0) for score in each]))
    return Copying(*torch.stack(scores, dim=1))
