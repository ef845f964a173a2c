"""Section `models`: the architectures."""

from dataclasses import replace
from typing import Annotated, Literal

from induction.config.errors import require
from induction.config.strict import settings, within

Deviation = Annotated[float, within(0, 1_000, "activations must stay finite")]


@settings
class Init:
    """Standard deviations of the initial weights, and the first smearing gate.

    `qkv_gain` and `o_gain` are divided by sqrt(d_model), so that one number serves every width.
    """

    embed_std: Deviation
    qkv_gain: Deviation
    o_gain: Deviation
    unembed_std: Deviation
    smear_gate: Annotated[float, within(-100, 100, "beyond, a sigmoid is 0 or 1")]


@settings
class Architecture:
    """One entry of `models`: an architecture without what the corpus decides."""

    n_layers: Annotated[int, within(1, 1_000, "no model has more")]
    n_heads: Annotated[int, within(1, 1_000, "no model has more")]
    d_model: Annotated[int, within(1, 65_536, "no model is wider")]
    mlp: bool
    d_mlp: Annotated[int, within(0, 262_144, "no model is wider")]
    smeared_keys: bool
    positions: Literal["qk_sinusoidal", "rotary", "learned"]
    # The embeddings have a standard deviation of init.embed_std.
    sinusoid_amplitude: Annotated[float, within(0, 1_000, "sinusoids would drown all else")]
    init: Init

    def __post_init__(self) -> None:
        require(
            self.d_mlp > 0 or not self.mlp, "d_mlp", self.d_mlp, "at least 1 with mlp", "raise it"
        )
        require(
            self.d_model % self.n_heads == 0,
            "d_model",
            self.d_model,
            f"a multiple of n_heads = {self.n_heads}",
            "change d_model or n_heads",
        )
        require(
            self.d_model % 2 == 0 and (self.positions != "rotary" or self.d_head % 2 == 0),
            "d_model",
            self.d_model,
            "an even width (rotary: an even d_head), because positions come in pairs",
            "change d_model or n_heads",
        )

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    @property
    def family(self) -> str:
        """What kind of model it is, as claims tell them apart.

        `one_layer` and `attention_only` (two layers and more), `mlp` and `mlp_one_layer`, and
        with smeared keys, whatever the MLPs, `smeared` and `smeared_one_layer`.
        """
        kind = "smeared" if self.smeared_keys else "mlp" if self.mlp else ""
        if self.n_layers > 1:
            return kind or "attention_only"
        return f"{kind}_one_layer" if kind else "one_layer"

    @property
    def variation(self) -> str:
        """In what it departs from the paper's kinds of model: its positions; else empty."""
        return "" if self.positions == "qk_sinusoidal" else self.positions

    @property
    def one_layer_control(self) -> "Architecture":
        """What is left without further layers, MLPs and smeared keys: no induction head can form.

        What that does not use is the same for all.
        """
        init = replace(self.init, smear_gate=0.0)
        return replace(self, n_layers=1, mlp=False, d_mlp=1, smeared_keys=False, init=init)

    def n_weights(self, vocab_size: int, n_ctx: int) -> int:
        """How many weights it has, without those of LayerNorms, biases and gates."""
        mlp = 2 * self.d_mlp if self.mlp else 0
        rows = 2 * vocab_size + (n_ctx if self.positions == "learned" else 0)
        return self.d_model * (self.n_layers * (4 * self.d_model + mlp) + rows)
