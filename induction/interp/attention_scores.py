"""What a head attends to and writes: probe sequences with a known answer, the scores on them."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from induction.interp.weights import unembedding
from induction.models.transformer import Transformer


def usable_tokens(counts: Int[np.ndarray, "vocab"], exclude_share: float) -> Int[np.ndarray, "n"]:
    """Token ids for random probes: those seen in training, without the most and least common.

    `exclude_share` of the vocabulary goes from either end (Olsson et al. 2022, Data Collection
    (3), gives no cut-offs: ours). Id 0 is end-of-text, which serves as BOS, and never drawn.
    """
    ids = np.arange(1, len(counts))
    ids = ids[counts[1:] > 0]
    by_count = ids[np.argsort(counts[ids], kind="stable")]
    cut = round(exclude_share * len(counts))
    return np.sort(by_count[cut : len(by_count) - cut])


def repeated_blocks(
    rng: np.random.Generator, usable: Int[np.ndarray, "n"], count: int, block: int, repeats: int
) -> Int[Tensor, "batch pos"]:
    """BOS, then one block of distinct random tokens, `repeats` times: [batch, 1 + block * repeats].

    Olsson et al. 2022, Data Collection (3): 25 tokens, 4 times, 10 sequences.
    """
    rows = [np.tile(rng.choice(usable, block, replace=False), repeats) for _ in range(count)]
    return _with_bos(np.stack(rows))


def gapped_blocks(
    rng: np.random.Generator,
    usable: Int[np.ndarray, "n"],
    count: int,
    block: int,
    repeats: int,
    max_gap: int,
) -> tuple[Int[Tensor, "batch pos"], Bool[Tensor, "batch pos"]]:
    """The same with 1 … max_gap random other tokens after every repeat, and which are the block's.

    The distance between repeats varies within a sequence, so that attending a fixed distance
    back, which one layer can learn, earns nothing here. Sequences are filled up to one length.
    """
    length = repeats * (block + max_gap)
    rows, marks = [], []
    for _ in range(count):
        order = rng.permutation(usable)
        own, others = order[:block], order[block:]
        row, mark = [], []
        for _ in range(repeats):
            gap = int(rng.integers(1, max_gap + 1))
            row += [*own, *rng.choice(others, gap)]
            mark += [True] * block + [False] * gap
        tail = length - len(row)
        rows.append([*row, *rng.choice(others, tail)])
        marks.append([*mark, *([False] * tail)])
    in_block = torch.tensor(marks)
    return _with_bos(np.array(rows)), torch.cat([in_block[:, :1] & False, in_block], dim=1)


def _with_bos(rows: Int[np.ndarray, "batch pos"]) -> Int[Tensor, "batch pos+1"]:
    bos = np.zeros((len(rows), 1), dtype=np.int64)
    return torch.from_numpy(np.concatenate([bos, rows.astype(np.int64)], axis=1))


def distinct_tokens(
    rng: np.random.Generator, usable: Int[np.ndarray, "n"], count: int, block: int
) -> Int[Tensor, "batch pos"]:
    """`block` distinct random tokens, without BOS and without a repeat: the copying probe."""
    return repeated_blocks(rng, usable, count, block, 1)[:, 1:]


def same_token(tokens: Int[Tensor, "batch pos"]) -> Bool[Tensor, "batch query key"]:
    """True where the key is an earlier occurrence of the query's token."""
    return (tokens[:, :, None] == tokens[:, None, :]).tril(-1)


def after_same_token(tokens: Int[Tensor, "batch pos"]) -> Bool[Tensor, "batch query key"]:
    """True where the key is the token *after* an earlier occurrence of the query's token."""
    earlier = same_token(tokens)
    return torch.cat([torch.zeros_like(earlier[:, :, :1]), earlier[:, :, :-1]], dim=2)


def attention_on(
    pattern: Float[Tensor, "batch head query key"],
    target: Bool[Tensor, "batch query key"],
    scored: Bool[Tensor, "batch query"],
) -> Float[Tensor, "head"]:
    """Attention summed over the target keys, averaged over the scored queries, per head.

    Summed, not averaged, over keys: by the fourth repeat there are three right answers, and a
    head that splits its attention between them is as much an induction head as one that picks
    one (Olsson et al. 2022, Model Analysis Table: the *fraction* of attention).
    """
    on_target = (pattern * target[:, None]).sum(-1)
    weight = scored[:, None].to(pattern.dtype)
    return (on_target * weight).sum((0, 2)) / weight.sum((0, 2))


def prefix_matching(
    pattern: Float[Tensor, "batch head query key"],
    tokens: Int[Tensor, "batch pos"],
    in_block: Bool[Tensor, "batch pos"],
) -> Float[Tensor, "head"]:
    """Prefix matching: attention to the tokens after earlier occurrences of the current token.

    Scored where the current token is one of the block's and has occurred before. Near 1 for an
    induction head, near (number of keys)/(position) for one that looks everywhere.
    """
    scored = in_block & same_token(tokens).any(-1)
    return attention_on(pattern, after_same_token(tokens), scored)


def same_token_attention(
    pattern: Float[Tensor, "batch head query key"],
    tokens: Int[Tensor, "batch pos"],
    in_block: Bool[Tensor, "batch pos"],
) -> Float[Tensor, "head"]:
    """The -1 control of prefix matching: attention to the earlier occurrences themselves."""
    earlier = same_token(tokens)
    return attention_on(pattern, earlier, in_block & earlier.any(-1))


def first_token(
    pattern: Float[Tensor, "batch head query key"],
    tokens: Int[Tensor, "batch pos"],
    in_block: Bool[Tensor, "batch pos"],
) -> Float[Tensor, "head"]:
    """Attention to the first token, BOS, where nothing matches: from tokens of the block that
    have not occurred before. Induction heads are said to rest there (Elhage et al. 2021)."""
    target = torch.zeros_like(same_token(tokens))
    target[:, 1:, 0] = True
    scored = in_block & ~same_token(tokens).any(-1)
    scored[:, 0] = False
    return attention_on(pattern, target, scored)


def previous_token(pattern: Float[Tensor, "batch head query key"]) -> Float[Tensor, "head"]:
    """Mean attention from each position but the first to the one before (Data Collection (3))."""
    return pattern.diagonal(-1, 2, 3).mean((0, 2))


@torch.inference_mode()
def patterns(
    model: Transformer, tokens: Int[Tensor, "batch pos"]
) -> list[Float[Tensor, "batch head query key"]]:
    """The attention patterns of every layer."""
    resid, found = model.embedding(tokens), []
    for layer, block in enumerate(model.layers):
        if layer > 0:
            resid = model.layers[layer - 1](resid)[0]
        found.append(block.attn.pattern(block.ln1(resid)))
    return found


@torch.inference_mode()
def copying(model: Transformer, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "layer head"]:
    """Copying on distinct tokens: does a head raise the logit of what it attends to? In [-1, 1].

    Olsson et al. 2022, Data Collection (3). What a head moves from each source goes directly
    through `weights.unembedding` (the scale of the last LayerNorm cancels), then ReLU; r = a /
    (a + T), where a is the raise of the source's token and T that of all tokens of the sample, and
    the score is 4 r - 1. Sources are weighted by attention and averaged over destinations, because
    a diffuse pattern has no one attended token (our choice). A source that raises nothing in the
    sample copies nothing: -1. A head that raises tokens at random is near 4/n - 1, n of them.
    """
    raised_by = unembedding(model)[tokens]
    resid, found = model.embedding(tokens), []
    for layer, block in enumerate(model.layers):
        if layer > 0:
            resid = model.layers[layer - 1](resid)[0]
        x = block.ln1(resid)
        moved = torch.stack(
            [block.attn.head_out(block.attn.values(x), h) for h in range(model.arch.n_heads)], 1
        )
        # [batch, head, source, token of the sample]
        raises = (moved @ raised_by.mT[:, None]).relu()
        own, total = raises.diagonal(0, 2, 3), raises.sum(-1)
        ratio = torch.where(own + total > 0, own / (own + total), torch.zeros_like(own))
        attended = block.attn.pattern(x).mean(2)
        found.append((attended * (4 * ratio - 1)).sum(-1).mean(0))
    return torch.stack(found)
