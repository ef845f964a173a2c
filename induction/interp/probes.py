"""Probe sequences with a known answer: blocks of random tokens that come round again."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from induction.text.stream import END_OF_TEXT_ID


class Probe(NamedTuple):
    """Sequences, and which of their positions belong to the repeated block."""

    tokens: Int[Tensor, "batch pos"]
    in_block: Bool[Tensor, "batch pos"]

    @classmethod
    def whole(cls, tokens: Int[Tensor, "batch pos"]) -> "Probe":
        """Sequences all of whose positions count."""
        return cls(tokens, torch.ones_like(tokens, dtype=torch.bool))

    def to(self, device: torch.device) -> "Probe":
        return Probe(self.tokens.to(device), self.in_block.to(device))

    def sequences(self) -> "list[Probe]":
        """One probe per sequence."""
        return list(map(Probe, self.tokens.split(1), self.in_block.split(1)))


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
    rng: np.random.Generator,
    usable: Int[np.ndarray, "n"],
    count: int,
    block: int,
    repeats: int,
    bos: int = END_OF_TEXT_ID,
) -> Int[Tensor, "batch pos"]:
    """BOS, then one block of distinct random tokens, `repeats` times: [batch, 1 + block * repeats].

    Olsson et al. 2022, Data Collection (3): 25 tokens, 4 times, 10 sequences.
    """
    rows = [np.tile(rng.choice(usable, block, replace=False), repeats) for _ in range(count)]
    return _with_bos(np.stack(rows), bos)


def gapped_blocks(
    rng: np.random.Generator,
    usable: Int[np.ndarray, "n"],
    count: int,
    block: int,
    repeats: int,
    max_gap: int,
    bos: int = END_OF_TEXT_ID,
) -> Probe:
    """The same with 1 … max_gap random other tokens after every repeat.

    The distance between repeats varies within a sequence, so that attending a fixed distance
    back, which one layer can learn, earns nothing here. Sequences are filled up to one length.
    """
    length = repeats * (block + max_gap)
    rows, marks = [], []
    for _ in range(count):
        order = rng.permutation(usable)
        block_tokens, others = order[:block], order[block:]
        row, mark = [], []
        for _ in range(repeats):
            gap = int(rng.integers(1, max_gap + 1))
            row += [*block_tokens, *rng.choice(others, gap)]
            mark += [True] * block + [False] * gap
        tail = length - len(row)
        rows.append([*row, *rng.choice(others, tail)])
        marks.append([*mark, *([False] * tail)])
    in_block = torch.tensor(marks)
    in_block = torch.cat([in_block[:, :1] & False, in_block], dim=1)
    return Probe(_with_bos(np.array(rows), bos), in_block)


def _with_bos(rows: Int[np.ndarray, "batch pos"], bos: int) -> Int[Tensor, "batch pos+1"]:
    first = np.full((len(rows), 1), bos, np.int64)
    return torch.from_numpy(np.concatenate([first, rows.astype(np.int64)], axis=1))


def without_bos(
    rng: np.random.Generator, usable: Int[np.ndarray, "n"]
) -> tuple[Int[np.ndarray, "m"], int]:
    """For models that never saw a BOS: a token that takes its place, and the others."""
    bos = int(rng.choice(usable))
    return usable[usable != bos], bos


def distinct_tokens(
    rng: np.random.Generator, usable: Int[np.ndarray, "n"], count: int, block: int
) -> Int[Tensor, "batch pos"]:
    """`block` distinct random tokens, without BOS and without a repeat: the copying probe."""
    return repeated_blocks(rng, usable, count, block, 1)[:, 1:]
