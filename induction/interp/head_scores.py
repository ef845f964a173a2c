"""The scores and kinds of heads, and the columns of the tables of stage `heads`.

A new score is an entry of `ATTENTION_SCORES` or `scores_of_heads`, and a column with its definition
in `induction.tables.heads.SCORES`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.config.heads import KindThresholds
from induction.interp import attention_scores, weights
from induction.interp.composition import compositions, compositions_by_chance, pairs
from induction.interp.losses import joined
from induction.interp.probes import Probe
from induction.interp.weights import Weights
from induction.models.model import Model
from induction.models.workers import Workers
from induction.tables.contract import Columns
from induction.tables.heads import SCORES, SEQUENCE_SCORES

Kind = Literal["induction", "previous_token", "positional", "other"]


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


def scores_of_sequences(
    model: Model, probes: Mapping[str, Probe], workers: Workers
) -> dict[str, Float[Tensor, "seq layer head"]]:
    """The attention scores of every sequence of the probes, by column."""
    scores: dict[str, Tensor] = {}
    for name, probe in probes.items():
        parts = workers.map(partial(_on_probe, model, name), probe.sequences())
        scores |= joined(parts, torch.stack)
    return scores


def _on_probe(model: Model, name: str, probe: Probe) -> dict[str, Float[Tensor, "layer head"]]:
    patterns = attention_scores.patterns(model, probe.tokens)
    return {
        column: torch.stack([score.of_pattern(pattern, *probe) for pattern in patterns])
        for column, score in ATTENTION_SCORES.items()
        if score.probe == name
    }


def scores_of_heads(
    model: Model,
    attention: Mapping[str, Float[Tensor, "seq layer head"]],
    sample: Int[Tensor, "seq pos"],
) -> dict[str, Float[Tensor, "layer head"]]:
    """Every score of a checkpoint, by column, from those of `scores_of_sequences`; copying is
    scored on `sample`.

    All sequences of a probe have equally many scored positions, so that the mean over sequences
    is the mean over positions.
    """
    scores = {column: values.mean(0) for column, values in attention.items()}
    matrices, previous = weights.folded(model), scores["previous_token"]
    copying = attention_scores.copying(model, sample)
    return scores | {
        "copying": copying.ratio,
        "copying_share": copying.share,
        "ov_positivity": weights.ov_positivity(matrices),
        "qk_trace": weights.qk_trace(matrices, previous),
        "qk_positivity": weights.qk_positivity(matrices, previous),
        "smear_gate": weights.smear_gates(model),
    }


def kind_of(
    prefix_matching: float,
    prefix_matching_gap: float,
    same_token: float,
    previous_token: float,
    thresholds: KindThresholds,
) -> Kind:
    """The kind of a head with these scores, all shares of attention in [0, 1].

    Olsson et al. 2022 colour heads "previous token", "induction" and "other" without giving
    thresholds: these are ours. A head that matches prefixes only where the repeat comes at a fixed
    distance, or that attends to the token itself more than to the one after, is `positional`: it
    need not compare tokens to do so.
    """
    if prefix_matching >= thresholds.induction:
        finds_tokens = prefix_matching_gap >= thresholds.shortcut * prefix_matching
        return "induction" if finds_tokens and prefix_matching > same_token else "positional"
    return "previous_token" if previous_token >= thresholds.previous_token else "other"


def head_columns(
    scores: Mapping[str, Float[Tensor, "layer head"]], thresholds: KindThresholds
) -> Columns:
    """Table `heads`, from the scores by column."""
    layer, head = _numbers(*scores["previous_token"].shape)
    columns = {column.name: _flat(scores[column.name]) for column in SCORES}
    decisive = ("prefix_matching", "prefix_matching_gap", "same_token", "previous_token")
    of_heads = zip(*(columns[name].tolist() for name in decisive), strict=True)
    kinds = [
        kind_of(**dict(zip(decisive, values, strict=True)), thresholds=thresholds)
        for values in of_heads
    ]
    return {"layer": layer, "head": head, **columns, "kind": kinds}


def composition_columns(
    weights: Weights, cosines: Float[Tensor, "draw d_head d_head"], quantile: float
) -> Columns:
    """Table `compositions`; no rows if the model has one layer."""
    n_layers, n_heads = weights.W_Q.shape[:2]
    keys = np.array(pairs(n_layers, n_heads), np.int16).reshape(-1, 4)
    mean, high = compositions_by_chance(weights, cosines, quantile)
    columns: Columns = dict(zip(("layer", "head", "from_layer", "from_head"), keys.T, strict=True))
    for receiver_input, scores in compositions(weights).items():
        columns[receiver_input] = _flat(scores)
        columns[f"{receiver_input}_random"] = _flat(mean[receiver_input])
        columns[f"{receiver_input}_high"] = _flat(high[receiver_input])
    return columns


def probe_columns(scores: Mapping[str, Float[Tensor, "seq layer head"]]) -> Columns:
    """Table `probes`, from the scores of every sequence by column."""
    columns = {
        column.name: _flat(scores[column.name].permute(1, 2, 0)) for column in SEQUENCE_SCORES
    }
    n_seq, *heads = scores["prefix_matching"].shape
    layer, head, seq = _numbers(*heads, n_seq)
    return {"layer": layer, "head": head, "seq": seq, **columns}


def repeat_columns(losses: dict[tuple[str, int], Float[Tensor, "seq repeat"]]) -> Columns:
    """Table `repeats`, from the losses by probe and length of the block."""
    keys = sorted(losses)
    values = torch.stack([losses[key] for key in keys])
    _, seq, repeat = _numbers(*values.shape)
    each = values[0].numel()
    return {
        "probe": [probe for probe, _ in keys for _ in range(each)],
        "block": np.repeat(np.array([block for _, block in keys], np.int16), each),
        "seq": seq,
        "repeat": repeat,
        "loss": _flat(values),
    }


def _flat(values: Tensor) -> np.ndarray:
    return values.flatten().float().cpu().numpy()


def _numbers(*sizes: int) -> list[np.ndarray]:
    """The indices along each axis of a flattened array of these sizes."""
    return [axis.ravel().astype(np.int16) for axis in np.indices(sizes)]
