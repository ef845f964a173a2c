"""Tables `head_circuits`, `entries`, `eigenvalues` and `offsets`."""

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from induction.config.circuits import CircuitSettings
from induction.interp.activations import layers
from induction.interp.circuits import positions
from induction.interp.circuits.edges import Head
from induction.interp.circuits.rows.columns import Row, RowsByTable, head_key
from induction.interp.circuits.token_circuits import Factored, TokenCircuits, inexact
from induction.interp.circuits.vocabulary import Vocabulary
from induction.interp.weights import folded
from induction.models.transformer import Transformer
from induction.tables import circuits as tables


@torch.inference_mode()
def head_rows(
    model: Transformer,
    circuits: TokenCircuits,
    scales: Float[Tensor, "norm"],
    text: Int[Tensor, "batch pos"],
    settings: CircuitSettings,
    vocab: Vocabulary,
) -> RowsByTable:
    rows: RowsByTable = {
        table: []
        for table in (tables.HEAD_CIRCUITS, tables.ENTRIES, tables.EIGENVALUES, tables.OFFSETS)
    }
    weights, offsets = folded(model), settings.shown.offsets
    core = weights.W_O @ (weights.W_U.T @ weights.W_E) @ weights.W_V
    eigenvalues = torch.linalg.eigvals(core)
    for activations in layers(model, model.embedding(text)):
        layer = activations.index
        measured = positions.by_offset(activations.pattern, offsets).mean(0)
        by_position = positions.by_offset(
            positions.position_patterns(model, layer, scales[layer].item()), offsets
        )
        for head in (Head(layer, index) for index in range(model.arch.n_heads)):
            key = head_key(head)
            ov, qk = circuits.ov(head), circuits.qk(head).centred(vocab.weight)
            rows[tables.HEAD_CIRCUITS].append(
                key
                | _spectrum("ov", ov)
                | _spectrum("qk", qk)
                | {
                    "by_position": by_position[head.index, 1].item(),
                    "previous_token": measured[head.index, 1].item(),
                    "inexact": inexact(model, layer),
                    "inexact_position": positions.inexact_positions(model, layer),
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
                for offset, (by_weights, on_text) in enumerate(
                    zip(
                        by_position[head.index].tolist(), measured[head.index].tolist(), strict=True
                    )
                )
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
