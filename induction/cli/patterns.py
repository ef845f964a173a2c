"""Draw what a head attends to, in the terminal."""

import re
from pathlib import Path

import click
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from induction.cli.project import PathOfCaller
from induction.config.circuits import CircuitSettings
from induction.config.errors import StageError
from induction.config.heads import HeadSettings
from induction.config.params import Params
from induction.interp.attention_scores import prefix_matching
from induction.interp.probes import repeated_blocks
from induction.models.bridge import open_in_transformer_lens

SHADES = " ░▒▓█"


def draw(pattern: Float[Tensor, "query key"]) -> str:
    """A line per query; two characters per key, so that the picture is about square."""
    shades = (pattern * len(SHADES)).long().clamp(max=len(SHADES) - 1)
    lines = ("".join(SHADES[shade] * 2 for shade in row) for row in shades.tolist())
    return "\n".join(line.rstrip() for line in lines)


def example(model: TransformerBridge, layer: int, head: int, block: int, seed: int) -> str:
    """The head's pattern on a random block that comes twice, and its prefix-matching score."""
    rng = np.random.default_rng(seed)
    tokens = repeated_blocks(rng, np.arange(1, model.cfg.d_vocab), 1, block, repeats=2)
    with torch.inference_mode():
        _, cache = model.run_with_cache(tokens)
    pattern = cache[f"blocks.{layer}.attn.hook_pattern"]  # [batch, head, query, key]
    score = prefix_matching(pattern, tokens, torch.ones_like(tokens, dtype=torch.bool))[head]
    return f"{draw(pattern[0, head])}\n\nL{layer}H{head}: prefix matching {score:.2f}"


def parse_head(name: str, model: TransformerBridge) -> tuple[int, int]:
    """Layer and head of a name like L1H3. Raises StageError if the model has no such head."""
    match = re.fullmatch(r"L(\d{1,3})H(\d{1,3})", name)
    layers, heads = model.cfg.n_layers, model.cfg.n_heads
    if not match or int(match[1]) >= layers or int(match[2]) >= heads:
        raise StageError(f"head: found {name!r}, expected one of L0H0 … L{layers - 1}H{heads - 1}")
    return int(match[1]), int(match[2])


@click.command
@click.argument("checkpoint", type=PathOfCaller())
@click.argument("head")
@click.option("--block", type=int, help="Random tokens; without it, circuits.shown.block.")
def command(checkpoint: Path, head: str, block: int | None) -> None:
    """Draw what a head attends to, in the terminal.

    CHECKPOINT is a file of data/train/<cell>/, HEAD is a layer and a head, like L1H3.

    The model reads a block of random tokens twice. Rows are the tokens that attend, columns those
    attended to; darker means more attention. An induction head attends to what came after the same
    token the first time: in the lower half that is a stripe, one step right of the repeated token.
    """
    params = Params()
    if block is None:
        block = params.section("circuits", CircuitSettings).shown.block
    model = open_in_transformer_lens(checkpoint)
    layer, index = parse_head(head, model)
    most = min(model.cfg.d_vocab - 1, (model.cfg.n_ctx - 1) // 2)
    if not 2 <= block <= most:
        raise StageError(f"--block: found {block}, expected 2 to {most} with this model")
    print(example(model, layer, index, block, params.section("heads", HeadSettings).seed))
