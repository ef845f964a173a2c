"""The tokens that tables show, and how common each is in training."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Vocabulary:
    """What each token spells, its count in training, and the tokens common enough for a table."""

    texts: list[str]
    counts: Int[np.ndarray, "vocab"]
    common: Int[Tensor, "n"]

    @property
    def weight(self) -> Float[Tensor, "vocab"]:
        return torch.from_numpy(self.counts.astype(np.float64))


def common_tokens(counts: Int[np.ndarray, "vocab"], min_count: int) -> Int[Tensor, "n"]:
    """Tokens that occur at least `min_count` times, without id 0, end of text."""
    return torch.from_numpy(np.flatnonzero(counts[1:] >= min_count) + 1)
