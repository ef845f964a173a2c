"""What is measured of the heads of one checkpoint, as columns of the tables of stage `heads`."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from induction.config.heads import KindThresholds
from induction.interp.composition import compositions, compositions_by_chance, pairs
from induction.interp.head_kinds import kind_of
from induction.interp.weights import Weights
from induction.tables.contract import Columns
from induction.tables.heads import SCORES, SEQUENCE_SCORES


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
