"""One checkpoint read: its circuits from the weights, its edges and paths tried on text."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.config.circuits import CircuitSettings
from induction.config.heads import HeadSettings
from induction.config.icl import IclWindows
from induction.interp.circuits import bigrams, edges, residual, rows, tokens, trigrams
from induction.interp.circuits.edges import SMEAR, Edge, Head, Means
from induction.interp.circuits.rows import Behaviour, Rows, Vocabulary
from induction.interp.composition import Reader, pairs
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.tables import circuits as tables

# Sequences, and tokens of each, on which the parts of the residual stream are added up.
CHECKED = (2, 64)
# Early, late and mean loss of every sequence.
Losses = Float[Tensor, "3 seq"]


@dataclass(frozen=True)
class Reading:
    """All that the reading of a checkpoint needs besides the model: sequences of the evaluation set
    for what is read and for single edges (`text`) and for whole circuits (`trial_text`), repeated
    random tokens (`probe`), and how many go through a model at a time."""

    own: CircuitSettings
    heads: HeadSettings
    windows: IclWindows
    text: Int[Tensor, "seq pos"]
    trial_text: Int[Tensor, "trial_seq pos"]
    probe: Int[Tensor, "probe_seq probe_pos"]
    batch: int
    vocab: Vocabulary
    bigrams: bigrams.Bigrams
    counts: trigrams.Counts
    spell: trigrams.Spell
    workers: Workers


def read(
    model: Transformer, reading: Reading, behaviour: dict[Head, Behaviour]
) -> tuple[Rows, list[Edge], str]:
    """Rows of all tables but those of the trials, the circuit of this checkpoint, and why there
    is none."""
    own, vocab, workers = reading.own, reading.vocab, reading.workers
    found: Rows = {}
    scales = torch.zeros(0)
    for sequences, spans in (
        (reading.probe, rows.spans_of_probe(reading.heads.block, reading.probe.shape[1])),
        (reading.text, rows.spans_of_text(reading.windows, reading.text.shape[1])),
    ):
        values = workers.map(partial(rows.stream_values, model, spans=spans), sequences.split(1))
        for table, those in rows.stream_rows(values, spans).items():
            found[table] = sorted([*found.get(table, []), *those])
        scales = torch.stack([each[-1] for each in values]).mean(0)
    circuits = tokens.circuits(model, scales)
    text = reading.text[: reading.heads.text_sequences]
    found |= rows.direct_rows(model, reading.bigrams, scales[-1].item(), own, vocab)
    found |= rows.head_rows(model, circuits, scales, text, own, vocab)
    found |= rows.trigram_rows(model, circuits, reading.counts, own, vocab, reading.spell)

    every = edges_of(model)
    runs = workers.map(partial(edges.run, model), reading.text.split(reading.batch))
    instead = edges.means(runs, own.replacements[0])
    cuts = cut_losses(model, reading, runs, every, instead, "k")
    whole = reading_losses(reading.windows, [each.nll for each in runs])
    cut = (icl_of(cuts) - icl_of(whole)).tolist()
    by_position = {(row[0], row[1]): row[8] for row in found[tables.HEAD_CIRCUITS]}
    kinds = reading.heads.kinds
    found[tables.EDGES] = rows.edge_rows(
        every, circuits, by_position, behaviour, cut, own.rule, kinds, vocab
    )
    found[tables.EDGE_ABLATIONS] = cut_rows(every, "k", cuts)
    why = rows.reason(found[tables.EDGES], behaviour, own.rule, kinds)
    return found, rows.circuit_of(found[tables.EDGES]), why


def trials(model: Transformer, reading: Reading, found: Rows, circuit: list[Edge]) -> None:
    """Adds to `found` what becomes of the losses with the circuit cut, and with it alone."""
    own, workers = reading.own, reading.workers
    runs = workers.map(partial(edges.run, model), reading.trial_text.split(reading.batch))

    def losses(nll: Callable[[edges.Run], Tensor]) -> Tensor:
        return reading_losses(reading.windows, workers.map(nll, runs))

    paths = [("whole", "whole", "none", losses(lambda each: each.nll))]
    for replacement in own.replacements:
        instead = edges.means(runs, replacement)
        kept = partial(edges.kept_nll, model, instead=instead)
        paths.append(("direct", "kept", replacement, losses(partial(kept, edges=()))))
        if circuit:
            paths.append(("circuit", "kept", replacement, losses(partial(kept, edges=circuit))))
            cut = partial(edges.cut_nll, model, edges=circuit, instead=instead)
            paths.append(("circuit", "cut", replacement, losses(cut)))
    found[tables.PATHS] = sorted(
        (*names, seq, *values)
        for *names, own_losses in paths
        for seq, values in enumerate(own_losses.T.tolist())
    )
    written = [edge for edge in circuit if edge[1] != SMEAR]
    runs = workers.map(partial(edges.run, model), reading.text.split(reading.batch))
    instead = edges.means(runs, own.replacements[0])
    for reader in ("q", "v"):
        cuts = cut_losses(model, reading, runs, written, instead, reader)
        found[tables.EDGE_ABLATIONS] += cut_rows(written, reader, cuts)
    found[tables.EDGE_ABLATIONS].sort()
    parts = reading.text.split(reading.batch)
    orders = torch.cat(workers.map(partial(residual.orders_nll, model), parts), 1)
    found[tables.PATH_ORDERS] = [
        (order, seq, *values)
        for order, nll in enumerate(orders)
        for seq, values in enumerate(reading_losses(reading.windows, [nll]).T.tolist())
    ]


def edges_of(model: Transformer) -> list[Edge]:
    """Every edge into keys, in the order of table `edges`."""
    arch = model.arch
    found = [
        ((la, h), (from_la, from_h))
        for la, h, from_la, from_h in pairs(arch.n_layers, arch.n_heads)
    ]
    if arch.smeared_keys:
        found += [(head, SMEAR) for head in rows.heads_of(model)]
    return sorted(found)


def cut_losses(
    model: Transformer,
    reading: Reading,
    runs: list[edges.Run],
    which: Collection[Edge],
    instead: Means,
    reader: Reader,
) -> Tensor:
    """Early, late and mean losses with each edge cut: [edge, 3, sequence]."""

    def of_part(part: edges.Run) -> Tensor:
        nlls = [edges.cut_nll(model, part, [edge], instead, reader) for edge in which]
        return torch.stack([reading_losses(reading.windows, [nll]) for nll in nlls])

    if not which:
        return torch.zeros(0, 3, 0)
    return torch.cat(reading.workers.map(of_part, runs), 2)


def cut_rows(which: Collection[Edge], reader: Reader, losses: Tensor) -> list[tuple]:
    """Table `cuts`."""
    return [
        (*edge[0], *edge[1], reader, seq, *values)
        for edge, own in zip(which, losses, strict=True)
        for seq, values in enumerate(own.T.tolist())
    ]


def reading_losses(windows: IclWindows, nlls: list[Tensor]) -> Tensor:
    """Early, late and mean loss of every sequence: [3, sequence]."""
    nll = torch.cat(nlls)
    early, late = (
        nll[:, first : last + 1].mean(1) for first, last in (windows.early, windows.late)
    )
    return torch.stack([early, late, nll.mean(1)])


def icl_of(losses: Tensor) -> Tensor:
    """Late minus early, mean over sequences; nats."""
    return (losses[..., 1, :] - losses[..., 0, :]).mean(-1)


def sum_error(model: Transformer, text: Tensor) -> float:
    """How far the parts' logits are from adding up to the model's."""
    sequences, length = CHECKED
    few = text[:sequences, :length]
    with torch.inference_mode():
        parts = residual.logits_of_parts(model, residual.stream(model, few))
        return (parts.sum(0) - model(few)).abs().max().item()
