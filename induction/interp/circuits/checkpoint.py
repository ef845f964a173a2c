"""One checkpoint: its circuits from the weights, and the losses without its edges and paths."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.config.circuits import CircuitSettings
from induction.config.heads import HeadSettings
from induction.config.icl import IclWindows
from induction.interp.circuits import residual, trigrams
from induction.interp.circuits.bigrams import Bigrams, direct_rows
from induction.interp.circuits.edges import SMEAR, Edge, Head, edges_of
from induction.interp.circuits.evidence import HeadScores, circuit_of, edge_evidence, edge_rows
from induction.interp.circuits.heads import head_rows
from induction.interp.circuits.patching import (
    CleanRun,
    Replacement,
    circuit_only_nll,
    clean_run,
    edge_ablated_nll,
    replacement_of,
)
from induction.interp.circuits.rows import Row, RowsByTable, Vocabulary, edge_key, loss_rows
from induction.interp.circuits.token_circuits import TokenCircuits, token_circuits
from induction.interp.circuits.trigrams import trigram_rows
from induction.interp.composition import ReceiverInput
from induction.interp.losses import sequence_losses, short_context
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


# The losses of one run, with what stands in for its heads and MLPs.
NllOfRun = Callable[[CleanRun, Replacement], Float[Tensor, "batch query"]]


class Runs:
    """The whole model on sequences, batch by batch, and on the same with a short context."""

    def __init__(self, model: Transformer, inputs: CircuitInputs, text: Int[Tensor, "seq pos"]):
        self.inputs = inputs
        self.both = [
            inputs.workers.map(partial(clean_run, model), tokens.split(inputs.batch))
            for tokens in (text, short_context(text, inputs.windows))
        ]

    def replaced(self, kind: Literal["mean", "zero"]) -> list[tuple[CleanRun, Replacement]]:
        """Every run with what replaces a part in its context."""
        replacements = [replacement_of(runs, kind) for runs in self.both]
        pairs = zip(self.both, replacements, strict=True)
        return [(run, replacement) for runs, replacement in pairs for run in runs]

    def losses(
        self, nll: NllOfRun, replaced: list[tuple[CleanRun, Replacement]]
    ) -> dict[str, Float[Tensor, "seq"]]:
        parts = self.inputs.workers.map(lambda pair: nll(*pair), replaced)
        n_batches = len(self.both[0])
        whole, short = torch.cat(parts[:n_batches]), torch.cat(parts[n_batches:])
        return sequence_losses(whole, short, self.inputs.windows)


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
    runs = Runs(model, inputs, inputs.text)
    replaced = runs.replaced(inputs.settings.replacements[0])
    whole = runs.losses(lambda run, _: run.nll, replaced)

    def icl(losses: dict[str, Tensor]) -> Tensor:
        return (losses["late"] - losses["late_short"]).mean()

    def losses(edges: list[Edge], into: ReceiverInput) -> dict[Edge, dict[str, Tensor]]:
        return {
            edge: runs.losses(
                lambda run, replacement, edge=edge: edge_ablated_nll(
                    model, run, [edge], replacement, into
                ),
                replaced,
            )
            for edge in edges
        }

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
    runs = Runs(model, inputs, inputs.trial_text)
    rows: list[Row] = []
    for i, kind in enumerate(inputs.settings.replacements):
        replaced = runs.replaced(kind)

        def add(path: str, run: str, kind: str, nll: NllOfRun, replaced: list = replaced) -> None:
            losses = runs.losses(nll, replaced)
            rows.extend(loss_rows(losses, path=path, run=run, replacement=kind))

        def alone(run: CleanRun, replacement: Replacement, edges: Collection[Edge]) -> Tensor:
            return circuit_only_nll(model, run, edges, replacement)

        if i == 0:
            add("whole", "whole", "none", lambda run, _: run.nll)
        add("direct", "kept", kind, partial(alone, edges=()))
        if circuit:
            add("circuit", "kept", kind, partial(alone, edges=circuit))
            add("circuit", "cut", kind, lambda run, r: edge_ablated_nll(model, run, circuit, r))
    return rows


def order_rows(model: Transformer, inputs: CircuitInputs) -> list[Row]:
    """Table `path_orders`."""

    def orders(text: Tensor) -> Tensor:
        batches = text.split(inputs.batch)
        return torch.cat(inputs.workers.map(partial(residual.orders_nll, model), batches), 1)

    both = orders(inputs.text), orders(short_context(inputs.text, inputs.windows))
    return [
        row
        for order, (nll, short) in enumerate(zip(*both, strict=True))
        for row in loss_rows(sequence_losses(nll, short, inputs.windows), order=order)
    ]


def sum_error(model: Transformer, text: Int[Tensor, "seq pos"]) -> float:
    """How far the parts' logits are from adding up to the model's."""
    sequences, length = SUM_CHECK
    few = text[:sequences, :length]
    with torch.inference_mode():
        parts = residual.logits_of_parts(model, residual.decompose(model, few))
        return (parts.sum(0) - model(few)).abs().max().item()
