"""What tables show of every head: its circuits, attention by position, patterns on probes."""

import numpy as np
import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from induction.config.circuits import CircuitSettings
from induction.interp.activations import layers
from induction.interp.circuits.edges import Head
from induction.interp.circuits.rows import Row, RowsByTable, Vocabulary, head_key
from induction.interp.circuits.token_circuits import Factored, TokenCircuits, inexact
from induction.interp.weights import folded
from induction.models.transformer import Transformer
from induction.tables import circuits as tables
from induction.tables.contract import Columns


@torch.inference_mode()
def head_rows(
    model: Transformer,
    circuits: TokenCircuits,
    scales: Float[Tensor, "norm"],
    text: Int[Tensor, "batch pos"],
    settings: CircuitSettings,
    vocab: Vocabulary,
) -> RowsByTable:
    """Tables `head_circuits`, `entries`, `eigenvalues` and `offsets`."""
    of_heads = (tables.HEAD_CIRCUITS, tables.ENTRIES, tables.EIGENVALUES, tables.OFFSETS)
    rows: RowsByTable = {table: [] for table in of_heads}
    weights, offsets = folded(model), settings.shown.offsets
    core = weights.W_O @ (weights.W_U.T @ weights.W_E) @ weights.W_V
    eigenvalues = torch.linalg.eigvals(core)
    for activations in layers(model, model.embedding(text)):
        layer = activations.index
        measured = by_offset(activations.pattern, offsets).mean(0)
        by_position = by_offset(position_patterns(model, layer, scales[layer].item()), offsets)
        attention = torch.stack([by_position, measured], -1)  # [head, offset, 2]
        for head in (Head(layer, index) for index in range(model.arch.n_heads)):
            key = head_key(head)
            ov, qk = circuits.ov(head), circuits.qk(head).centred(vocab.weight)
            rows[tables.HEAD_CIRCUITS].append(
                key
                | _spectrum("ov", ov)
                | _spectrum("qk", qk)
                | {
                    "by_position": attention[head.index, 1, 0].item(),
                    "previous_token": attention[head.index, 1, 1].item(),
                    "inexact": inexact(model, layer),
                    "inexact_position": inexact_positions(model, layer),
                }
            )
            for name, circuit in (("ov", ov), ("qk", qk)):
                rows[tables.ENTRIES] += [
                    key | {"circuit": name} | entry for entry in _entries(circuit, settings, vocab)
                ]
            rows[tables.EIGENVALUES] += [
                key | eigenvalue for eigenvalue in _eigenvalues(eigenvalues[layer, head.index])
            ]
            rows[tables.OFFSETS] += [
                key | {"offset": offset, "by_position": by_weights, "measured": on_text}
                for offset, (by_weights, on_text) in enumerate(attention[head.index].tolist())
            ]
    return rows


def _spectrum(name: str, circuit: Factored) -> Row:
    diagonal = circuit.diagonal()
    return {
        f"{name}_rank": circuit.effective_rank(),
        f"{name}_diagonal": diagonal.share,
        f"{name}_above": diagonal.above,
    }


def _entries(circuit: Factored, settings: CircuitSettings, vocab: Vocabulary) -> list[Row]:
    common = vocab.common
    best, columns, values = circuit.of(common, common).top(settings.entries, settings.columns)
    return [
        {
            "row": row,
            "place": place,
            "token": vocab.texts[common[token]],
            "other": vocab.texts[common[other]],
            "value": value,
        }
        for row, (token, others, nats) in enumerate(
            zip(best.tolist(), columns.tolist(), values.tolist(), strict=True)
        )
        for place, (other, value) in enumerate(zip(others, nats, strict=True))
    ]


def _eigenvalues(values: Complex[Tensor, "d_head"]) -> list[Row]:
    """Largest first, in units of the largest absolute value."""
    values = values[values.abs().argsort(descending=True, stable=True)]
    largest = values.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
    return [
        {"index": index, "re": value.real, "im": value.imag}
        for index, value in enumerate((values / largest).tolist())
    ]


Probes = dict[str, Int[Tensor, "1 pos"]]


@torch.inference_mode()
def attention_columns(model: Transformer, step: int, probes: Probes) -> Columns:
    """Table `attention`."""
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
    """Table `shown`."""
    lengths = {name: tokens.shape[1] for name, tokens in probes.items()}
    return {
        "probe": [name for name, length in lengths.items() for _ in range(length)],
        "pos": np.concatenate([np.arange(length, dtype=np.int16) for length in lengths.values()]),
        "token": [texts[token] for tokens in probes.values() for token in tokens[0]],
    }


@torch.inference_mode()
def position_patterns(
    model: Transformer, layer: int, scale: float
) -> Float[Tensor, "head query key"]:
    """Attention by the term of two positions alone, pos W_QK pos^T: causal, rows sum to one.

    Sinusoids are added after the LayerNorm, so that for them the term is exact. Learned positions
    pass the LayerNorm together with the tokens: here they are centred and multiplied by its gain
    and by `scale`, its mean 1/scale over text. Rotary positions add no term; shown is how they turn
    the score of the mean token with itself, with queries and keys of the mean `ln1(W_E)`.
    """
    block = model.layers[layer]
    if model.arch.positions == "qk_sinusoidal":
        x = torch.zeros(model.n_ctx, model.arch.d_model)  # `qk` adds the sinusoids
    elif model.arch.positions == "learned":
        x = (model.pos.weight - model.pos.weight.mean(1, keepdim=True)) * scale * block.ln1.weight
    else:
        x = block.ln1(model.tok_embed.weight).mean(0).expand(model.n_ctx, -1)
    return block.attn.pattern(*block.attn.qk(x[None]))[0]


def by_offset(
    pattern: Float[Tensor, "*batch query key"], offsets: int
) -> Float[Tensor, "*batch offset"]:
    """Mean attention 0, 1, … `offsets` - 1 positions back, over the queries with so many before."""
    return torch.stack(
        [pattern.diagonal(-offset, -2, -1).mean(-1) for offset in range(offsets)], dim=-1
    )


def inexact_positions(model: Transformer, layer: int) -> str:
    """Why the position term is not exact; '' where it is."""
    if model.arch.positions == "learned":
        return "learned positions pass ln1 with the tokens: its scale is its mean" + (
            "" if layer == 0 else "; what earlier layers made of them is left out"
        )
    if model.arch.positions == "rotary":
        return "rotary positions have no term of their own: shown for the mean token"
    return ""
