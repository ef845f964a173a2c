"""Tables `attention` and `shown`, as columns: they have many rows."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from induction.interp.activations import layers
from induction.models.transformer import Transformer
from induction.tables.contract import Columns

Probes = dict[str, Int[Tensor, "1 pos"]]


@torch.inference_mode()
def attention_columns(model: Transformer, step: int, probes: Probes) -> Columns:
    names: list[str] = []
    parts: dict[str, list[np.ndarray]] = {}
    for name in sorted(probes):
        for layer in layers(model, model.embedding(probes[name])):
            pattern = layer.pattern[0].numpy()
            query, key = np.tril_indices(pattern.shape[-1])
            for head, weights in enumerate(pattern):
                names += [name] * len(query)
                for column, values in (
                    ("step", np.full(len(query), step, np.int32)),
                    ("layer", np.full(len(query), layer.index, np.int16)),
                    ("head", np.full(len(query), head, np.int16)),
                    ("query", query.astype(np.int16)),
                    ("key", key.astype(np.int16)),
                    ("weight", np.rint(255 * weights[query, key]).astype(np.uint8)),
                ):
                    parts.setdefault(column, []).append(values)
    return {"probe": names, **{name: np.concatenate(values) for name, values in parts.items()}}


def shown_columns(probes: Probes, texts: list[str]) -> Columns:
    lengths = {name: tokens.shape[1] for name, tokens in probes.items()}
    return {
        "probe": [name for name, length in lengths.items() for _ in range(length)],
        "pos": np.concatenate([np.arange(length, dtype=np.int16) for length in lengths.values()]),
        "token": [texts[token] for tokens in probes.values() for token in tokens[0]],
    }
