"""The scores of heads: one entry here for each score column of table `heads`.

A new score is an entry here and a column with its definition in `induction.tables.heads.SCORES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.interp import attention_scores, weights
from induction.interp.losses import joined
from induction.interp.probes import Probe
from induction.interp.weights import Weights
from induction.models.transformer import Transformer
from induction.models.workers import Workers


class AttentionScore(NamedTuple):
    """A score of attention patterns, and the probe it is taken on: fixed, gap or text."""

    probe: str
    of_pattern: Callable[[Tensor, Tensor, Tensor], Tensor]  # pattern, *Probe -> [head]


ATTENTION_SCORES = {
    "prefix_matching": AttentionScore("fixed", attention_scores.prefix_matching),
    "prefix_matching_gap": AttentionScore("gap", attention_scores.prefix_matching),
    "same_token": AttentionScore("fixed", attention_scores.same_token_attention),
    "previous_token": AttentionScore("text", attention_scores.previous_token),
    "first_token": AttentionScore("fixed", attention_scores.first_token),
}


@dataclass(frozen=True)
class Checkpoint:
    """What the other scores are taken from. `previous_token` is the attention score of that name,
    `sample` the sequences on which copying is scored."""

    model: Transformer
    weights: Weights
    previous_token: Float[Tensor, "layer head"]
    sample: Int[Tensor, "seq pos"]


CHECKPOINT_SCORES: dict[str, Callable[[Checkpoint], Float[Tensor, "layer head"]]] = {
    "copying": lambda at: attention_scores.copying(at.model, at.sample),
    "ov_positivity": lambda at: weights.ov_positivity(at.weights),
    "qk_trace": lambda at: weights.qk_trace(at.weights, at.previous_token),
    "qk_positivity": lambda at: weights.qk_positivity(at.weights, at.previous_token),
    "smear_gate": lambda at: weights.smear_gates(at.model),
}


def scores_of_sequences(
    model: Transformer, probes: Mapping[str, Probe], workers: Workers
) -> dict[str, Float[Tensor, "seq layer head"]]:
    """The attention scores of every sequence of the probes, by column."""
    scores: dict[str, Tensor] = {}
    for name, probe in probes.items():
        parts = workers.map(partial(_on_probe, model, name), probe.sequences())
        scores |= joined(parts, torch.stack)
    return scores


def _on_probe(
    model: Transformer, name: str, probe: Probe
) -> dict[str, Float[Tensor, "layer head"]]:
    patterns = attention_scores.patterns(model, probe.tokens)
    return {
        column: torch.stack([score.of_pattern(pattern, *probe) for pattern in patterns])
        for column, score in ATTENTION_SCORES.items()
        if score.probe == name
    }


def scores_of_heads(
    model: Transformer,
    attention: Mapping[str, Float[Tensor, "seq layer head"]],
    sample: Int[Tensor, "seq pos"],
) -> dict[str, Float[Tensor, "layer head"]]:
    """Every score of a checkpoint, by column, from those of `scores_of_sequences`.

    All sequences of a probe have equally many scored positions, so that the mean over sequences
    is the mean over positions.
    """
    scores = {column: values.mean(0) for column, values in attention.items()}
    at = Checkpoint(model, weights.folded(model), scores["previous_token"], sample)
    return scores | {column: score(at) for column, score in CHECKPOINT_SCORES.items()}
