"""Sections `models` and `cells`: what is trained."""

import re
from dataclasses import dataclass
from typing import Literal

from stages.settings.strict import require

SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Init:
    """Standard deviations of the initial weights, and the first smearing gate.

    `qkv_gain` and `o_gain` are divided by sqrt(d_model), so that one number serves every width.
    """

    embed_std: float
    qkv_gain: float
    o_gain: float
    unembed_std: float
    smear_gate: float

    def check(self, key: str) -> None:
        for name in ("embed_std", "qkv_gain", "o_gain", "unembed_std"):
            value = getattr(self, name)
            require(value >= 0, f"{key}.{name}", value, "a number of at least 0", "correct it")


@dataclass(frozen=True)
class Model:
    """One entry of `models`: an architecture without what the corpus decides."""

    n_layers: int
    n_heads: int
    d_model: int
    mlp: bool
    d_mlp: int
    smeared_keys: bool
    positions: Literal["qk_sinusoidal", "rotary", "learned"]
    sinusoid_amplitude: float
    init: Init

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    def check(self, key: str) -> None:
        for name in ("n_layers", "n_heads", "d_model", "d_mlp"):
            value = getattr(self, name)
            require(value >= 1, f"{key}.{name}", value, "an integer of at least 1", "correct it")
        require(
            self.d_model % self.n_heads == 0,
            f"{key}.d_model",
            self.d_model,
            f"a multiple of n_heads = {self.n_heads}",
            "change d_model or n_heads",
        )
        require(
            self.d_model % 2 == 0 and (self.positions != "rotary" or self.d_head % 2 == 0),
            f"{key}.d_model",
            self.d_model,
            "an even width (rotary: an even d_head), because positions come in pairs",
            "change d_model or n_heads",
        )


@dataclass(frozen=True)
class Cell:
    """One entry of `cells`: a model and a seed."""

    model: str
    seed: int

    def check(self, key: str) -> None:
        slug = key.split(".", 1)[1]
        require(
            SLUG.fullmatch(slug) is not None,
            key,
            slug,
            "a name of a-z, 0-9 and _, starting with a letter, at most 40 characters",
            "rename the cell (the name becomes a file and a DVC stage)",
        )
        require(
            0 <= self.seed < 2**31, f"{key}.seed", self.seed, "0 … 2147483647", "correct the seed"
        )
