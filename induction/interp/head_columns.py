"""Everything measured of the heads of one checkpoint, as columns of the tables of stage `heads`."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from induction.config.heads import KindThresholds
from induction.interp.attention_scores import (
    copying,
    first_token,
    patterns,
    prefix_matching,
    previous_token,
    same_token_attention,
)
from induction.interp.composition import compositions, compositions_by_chance, pairs
from induction.interp.head_kinds import kind_of
from induction.interp.weights import (
    Weights,
    folded,
    ov_positivity,
    qk_positivity,
    qk_trace,
    smear_gates,
)
from induction.models.transformer import Transformer

# Columns of a table, all but `step`.
Columns = dict[str, np.ndarray | list[str]]


def on_probe(
    model: Transformer, probe: tuple[Int[Tensor, "batch pos"], Bool[Tensor, "batch pos"]]
) -> Float[Tensor, "score layer head"]:
    """Prefix matching, its -1 control, and rest on the first token, on a probe: tokens, and which
    of them are the block's."""
    found = patterns(model, probe[0])
    scores = (prefix_matching, same_token_attention, first_token)
    return torch.stack([torch.stack([score(p, *probe) for p in found]) for score in scores])


def on_text(model: Transformer, text: Int[Tensor, "batch pos"]) -> Float[Tensor, "layer head"]:
    """Attention to the previous token."""
    return torch.stack([previous_token(p) for p in patterns(model, text)])


def head_columns(
    model: Transformer,
    fixed: Float[Tensor, "seq score layer head"],
    gap: Float[Tensor, "seq score layer head"],
    previous: Float[Tensor, "layer head"],
    sample: Int[Tensor, "seq pos"],
    kinds: KindThresholds,
) -> Columns:
    """Table `heads`, from the scores of `on_probe` per sequence and of `on_text`.

    Every probe has as many scored positions as the next, so that the mean over sequences is the
    mean over positions.
    """
    weights = folded(model)
    layer, head = _numbers(*previous.shape)
    attends = {
        "prefix_matching": _flat(fixed[:, 0].mean(0)),
        "prefix_matching_gap": _flat(gap[:, 0].mean(0)),
        "same_token": _flat(fixed[:, 1].mean(0)),
        "previous_token": _flat(previous),
    }
    scores = zip(*(own.tolist() for own in attends.values()), strict=True)
    return {
        "layer": layer,
        "head": head,
        **attends,
        "first_token": _flat(fixed[:, 2].mean(0)),
        "copying": _flat(copying(model, sample)),
        "ov_positivity": _flat(ov_positivity(weights)),
        "qk_trace": _flat(qk_trace(weights, previous)),
        "qk_positivity": _flat(qk_positivity(weights, previous)),
        "smear_gate": _flat(smear_gates(model)),
        "kind": [kind_of(*own, kinds) for own in scores],
    }


def composition_columns(
    weights: Weights, cosines: Float[Tensor, "draw d_head d_head"], quantile: float
) -> Columns:
    """Table `compositions`; no rows where there is but one layer."""
    keys = np.array(pairs(*weights.W_Q.shape[:2]), np.int16).reshape(-1, 4)
    mean, high = compositions_by_chance(weights, cosines, quantile)
    found: Columns = dict(zip(("layer", "head", "from_layer", "from_head"), keys.T, strict=True))
    for reader, scores in compositions(weights).items():
        found[reader] = _flat(scores)
        found[f"{reader}_random"] = _flat(mean[reader])
        found[f"{reader}_high"] = _flat(high[reader])
    return found


def probe_columns(
    fixed: Float[Tensor, "seq score layer head"], gap: Float[Tensor, "seq score layer head"]
) -> Columns:
    """Table `probes`."""
    layer, head, seq = _numbers(*fixed.shape[2:], len(fixed))
    return {
        "layer": layer,
        "head": head,
        "seq": seq,
        "prefix_matching": _flat(fixed[:, 0].permute(1, 2, 0)),
        "prefix_matching_gap": _flat(gap[:, 0].permute(1, 2, 0)),
    }


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
    """The columns that number the entries of a flattened array of these sizes."""
    return [own.ravel().astype(np.int16) for own in np.indices(sizes)]
