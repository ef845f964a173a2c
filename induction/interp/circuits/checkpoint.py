"""One checkpoint: its circuits from the weights, and the losses without its edges and paths."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.config.circuits import CircuitSettings
from induction.config.heads import HeadSettings
from induction.config.icl import IclWindows
from induction.interp.circuits import patching, residual, trigrams
from induction.interp.circuits.bigrams import Bigrams, direct_rows
from induction.interp.circuits.edges import SMEAR, Edge, Head, edges_of
from induction.interp.circuits.evidence import HeadScores, circuit_of, edge_evidence, edge_rows
from induction.interp.circuits.heads import head_rows
from induction.interp.circuits.patching import CleanRun, clean_run, edge_ablated_nll
from induction.interp.circuits.rows import Row, RowsByTable, Vocabulary, edge_key, loss_rows
from induction.interp.circuits.token_circuits import TokenCircuits, token_circuits
from induction.interp.circuits.trigrams import trigram_rows
from induction.interp.composition import ReceiverInput
from induction.interp.losses import joined, sequence_losses
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.tables import circuits as tables

# Sequences, and tokens of each, on which the parts of the residual stream are added up.
SUM_CHECK = (2, 64)


@dataclass(frozen=True)
class CircuitInputs:
    """What all checkpoints of a cell are read with.

    `text` are evaluation sequences for the weights and for single edges, `trial_text` those for
    whole circuits, `probe` repeated random tokens; `batch` sequences go through a model at a time.
    """

    settings: CircuitSettings
    heads: HeadSettings
    windows: IclWindows
    text: Int[Tensor, "seq pos"]
    trial_text: Int[Tensor, "trial_seq pos"]
    probe: Int[Tensor, "probe_seq probe_pos"]
    batch: int
    vocab: Vocabulary
    bigrams: Bigrams
    trigram_counts: trigrams.Counts
    spell: trigrams.Spell
    workers: Workers


class CheckpointReading(NamedTuple):
    """Without a `circuit` of this checkpoint, `reason` says why; `last_circuit` is that of the last
    checkpoint of training."""

    rows: RowsByTable
    circuit: list[Edge]
    reason: str
    last_circuit: list[Edge]


def read_checkpoint(
    model: Transformer,
    inputs: CircuitInputs,
    scores: dict[Head, HeadScores],
    last_circuit: list[Edge] | None,
) -> CheckpointReading:
    """All rows but those of `readings`, `attention` and `shown`.

    `last_circuit` is that of the last checkpoint, whose losses are followed through training; None
    if this checkpoint is the last.
    """
    rows, circuits = weight_rows(model, inputs)
    of_heads = rows[tables.HEAD_CIRCUITS]
    by_position = {Head(row["layer"], row["head"]): row["by_position"] for row in of_heads}
    reading = read_edges(model, inputs, circuits, by_position, scores, last_circuit)
    rows |= reading.rows
    rows[tables.PATHS] = path_rows(model, inputs, reading.last_circuit)
    rows[tables.PATH_ORDERS] = order_rows(model, inputs)
    return reading._replace(rows=rows)


def weight_rows(model: Transformer, inputs: CircuitInputs) -> tuple[RowsByTable, TokenCircuits]:
    settings, vocab, workers = inputs.settings, inputs.vocab, inputs.workers
    rows: RowsByTable = {tables.ATTRIBUTION: [], tables.LENS: []}
    scales = torch.zeros(0)
    # Text comes last: its scales are those that the circuits are folded with.
    for sequences, spans in (
        (inputs.probe, residual.spans_of_probe(inputs.heads.block, inputs.probe.shape[1])),
        (inputs.text, residual.spans_of_text(inputs.windows, inputs.text.shape[1])),
    ):
        means = workers.map(partial(residual.span_means, model, spans=spans), sequences.split(1))
        for table, of_spans in residual.residual_rows(means, spans).items():
            rows[table] += of_spans
        scales = torch.stack([of_sequence.scales for of_sequence in means]).mean(0)
    circuits = token_circuits(model, scales)
    text = inputs.text[: inputs.heads.text_sequences]
    rows |= direct_rows(model, inputs.bigrams, scales[-1].item(), settings, vocab)
    rows |= head_rows(model, circuits, scales, text, settings, vocab)
    rows |= trigram_rows(model, circuits, inputs.trigram_counts, settings, vocab, inputs.spell)
    return rows, circuits


def read_edges(
    model: Transformer,
    inputs: CircuitInputs,
    circuits: TokenCircuits,
    by_position: dict[Head, float],
    scores: dict[Head, HeadScores],
    last_circuit: list[Edge] | None,
) -> CheckpointReading:
    """Tables `edges` and `edge_ablations`; into queries and values, edges of the last circuit."""
    windows = inputs.windows
    runs = inputs.workers.map(partial(clean_run, model), inputs.text.split(inputs.batch))
    replacement = patching.replacement_of(runs, inputs.settings.replacements[0])
    whole = joined([sequence_losses(run.nll, windows) for run in runs])

    def icl(losses: dict[str, Tensor]) -> Tensor:
        return (losses["late"] - losses["early"]).mean()

    def losses(edges: list[Edge], into: ReceiverInput) -> dict[Edge, dict[str, Tensor]]:
        def of_run(run: CleanRun) -> list[dict[str, Tensor]]:
            nlls = [edge_ablated_nll(model, run, [edge], replacement, into) for edge in edges]
            return [sequence_losses(nll, windows) for nll in nlls]

        of_runs = inputs.workers.map(of_run, runs)
        return {edge: joined([run[i] for run in of_runs]) for i, edge in enumerate(edges)}

    of_keys = losses(edges_of(model), "k")
    icl_lost = {edge: (icl(ablated) - icl(whole)).item() for edge, ablated in of_keys.items()}
    evidence = edge_evidence(circuits, by_position, scores, icl_lost, inputs.vocab)
    circuit, reason = circuit_of(evidence, scores, inputs.settings.rule, inputs.heads.kinds)
    if last_circuit is None:
        last_circuit = circuit
    ablations = edge_ablation_rows("k", of_keys)
    from_heads = [edge for edge in last_circuit if edge.sender != SMEAR]
    for into in ("q", "v"):
        ablations += edge_ablation_rows(into, losses(from_heads, into))
    return CheckpointReading(
        {tables.EDGES: edge_rows(evidence, circuit), tables.EDGE_ABLATIONS: ablations},
        circuit,
        reason,
        last_circuit,
    )


def edge_ablation_rows(
    receiver_input: ReceiverInput, losses: dict[Edge, dict[str, Float[Tensor, "seq"]]]
) -> list[Row]:
    return [
        row
        for edge, of_edge in losses.items()
        for row in loss_rows(of_edge, **edge_key(edge), receiver_input=receiver_input)
    ]


def path_rows(model: Transformer, inputs: CircuitInputs, circuit: list[Edge]) -> list[Row]:
    """Table `paths`: losses of the whole model, without the circuit, and with the circuit alone."""
    workers = inputs.workers
    runs = workers.map(partial(clean_run, model), inputs.trial_text.split(inputs.batch))

    def path(path: str, run: str, kind: str, nll: Callable[[CleanRun], Tensor]) -> list[Row]:
        losses = sequence_losses(torch.cat(workers.map(nll, runs)), inputs.windows)
        return loss_rows(losses, path=path, run=run, replacement=kind)

    rows = path("whole", "whole", "none", lambda run: run.nll)
    for kind in inputs.settings.replacements:
        replacement = patching.replacement_of(runs, kind)
        alone = partial(patching.circuit_only_nll, model, replacement=replacement)
        rows += path("direct", "kept", kind, partial(alone, edges=()))
        if circuit:
            ablated = partial(edge_ablated_nll, model, replacement=replacement)
            rows += path("circuit", "kept", kind, partial(alone, edges=circuit))
            rows += path("circuit", "cut", kind, partial(ablated, edges=circuit))
    return rows


def order_rows(model: Transformer, inputs: CircuitInputs) -> list[Row]:
    """Table `path_orders`."""
    batches = inputs.text.split(inputs.batch)
    orders = torch.cat(inputs.workers.map(partial(residual.orders_nll, model), batches), 1)
    return [
        row
        for order, nll in enumerate(orders)
        for row in loss_rows(sequence_losses(nll, inputs.windows), order=order)
    ]


def sum_error(model: Transformer, text: Int[Tensor, "seq pos"]) -> float:
    """How far the parts' logits are from adding up to the model's."""
    sequences, length = SUM_CHECK
    few = text[:sequences, :length]
    with torch.inference_mode():
        parts = residual.logits_of_parts(model, residual.decompose(model, few))
        return (parts.sum(0) - model(few)).abs().max().item()
