"""What is read of one checkpoint, as the columns of the tables of stage `circuits`."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.config.circuits import CircuitRule, CircuitSettings
from induction.config.heads import KindThresholds
from induction.config.icl import IclWindows
from induction.interp.attention_scores import patterns
from induction.interp.circuits import bigrams, positions, residual, tokens, trigrams
from induction.interp.circuits.edges import SMEAR, Edge, Head
from induction.interp.weights import folded
from induction.models.transformer import Transformer
from induction.tables import circuits as tables
from induction.tables.contract import Table
from induction.tables.rows import columns

# Rows of every table, without their step.
Rows = dict[Table, list[tuple]]


@dataclass(frozen=True)
class Vocabulary:
    """What tokens spell, their counts in training, and which are common enough for a table."""

    texts: list[str]
    counts: Int[np.ndarray, "vocab"]
    common: Int[Tensor, "n"]

    @property
    def weight(self) -> Float[Tensor, "vocab"]:
        return torch.from_numpy(self.counts.astype(np.float64))


def heads_of(model: Transformer) -> list[Head]:
    return [(la, h) for la in range(model.arch.n_layers) for h in range(model.arch.n_heads)]


def spans_of_text(windows: IclWindows, length: int) -> dict[str, slice]:
    """Positions of the losses of a sequence of `length` tokens."""
    return {
        "text": slice(0, length - 1),
        "text_early": slice(windows.early[0], windows.early[1] + 1),
        "text_late": slice(windows.late[0], windows.late[1] + 1),
    }


def spans_of_probe(block: int, length: int) -> dict[str, slice]:
    """The first time a block comes, and later; BOS stands before it. What comes first in a repeat
    is left out: the second repeat could not know of it."""
    return {"random_first": slice(1, block), "random_again": slice(block + 1, length - 1)}


@torch.inference_mode()
def stream_values(
    model: Transformer, sequences: Int[Tensor, "batch pos"], spans: dict[str, slice]
) -> tuple[list[residual.Part], Tensor, Tensor, Tensor]:
    """Of some sequences, means over each span: attribution to the right token above the mean and
    to its difference from the likeliest wrong one [part, 2, span], the logit lens [after, 3,
    span]; and the mean scales of the LayerNorms [norm]."""
    inputs, targets = sequences[:, :-1], sequences[:, 1:]
    found = residual.stream(model, inputs)
    logits = model.head(model.ln_out(found.before(len(model.layers))))
    rivals = logits.scatter(-1, targets[..., None], -torch.inf).argmax(-1)
    W_U = model.head.weight
    right = W_U[targets]
    names, own = residual.attribution(model, found, right - W_U.mean(0))
    _, difference = residual.attribution(model, found, right - W_U[rivals])
    lens = residual.lens(model, found, targets)

    def means(values: Tensor) -> Tensor:
        return torch.stack([values[..., span].mean((-2, -1)) for span in spans.values()], -1)

    return (
        names,
        means(torch.stack([own, difference], 1)),
        means(lens),
        found.scales.mean((1, 2)),
    )


def stream_rows(
    values: Iterable[tuple[list[residual.Part], Tensor, Tensor, Tensor]], spans: Iterable[str]
) -> Rows:
    """Tables `attribution` and `lens`, from `stream_values` of one sequence each."""
    values = list(values)
    parts = values[0][0]
    given, lens = (torch.stack([own[i] for own in values]).mean(0) for i in (1, 2))
    rows: Rows = {tables.ATTRIBUTION: [], tables.LENS: []}
    for s, span in enumerate(spans):
        rows[tables.ATTRIBUTION] += [
            (span, *part, *given[p, :, s].tolist()) for p, part in enumerate(parts)
        ]
        rows[tables.LENS] += [(span, after, *own[:, s].tolist()) for after, own in enumerate(lens)]
    return rows


def direct_rows(
    model: Transformer,
    found: bigrams.Bigrams,
    scale: float,
    own: CircuitSettings,
    vocab: Vocabulary,
) -> Rows:
    """Tables `direct_path` and `direct_tokens`."""
    log_probs = bigrams.direct_log_probs(model, found.sources, scale).numpy()
    learned = model.arch.positions == "learned"
    about = "the scale of ln_out is its mean" + ("; learned positions are left out" * learned)
    shown, rows = found.sources[: own.entries], []
    for row, source in enumerate(shown):
        shares = found.counts[row] / found.counts[row].sum()
        by_path, by_text = (
            np.argsort(-values, kind="stable")[: own.columns] for values in (log_probs[row], shares)
        )
        rows += [
            (
                row,
                place,
                vocab.texts[source],
                vocab.texts[a],
                float(np.exp(log_probs[row, a])),
                shares[a],
                vocab.texts[b],
                shares[b],
            )
            for place, (a, b) in enumerate(zip(by_path, by_text, strict=True))
        ]
    return {
        tables.DIRECT_PATH: [(*bigrams.agreement(log_probs, found), about)],
        tables.DIRECT_TOKENS: rows,
    }


@torch.inference_mode()
def head_rows(
    model: Transformer,
    found: tokens.Circuits,
    scales: Float[Tensor, "norm"],
    text: Int[Tensor, "batch pos"],
    own: CircuitSettings,
    vocab: Vocabulary,
) -> Rows:
    """Tables `head_circuits`, `entries`, `eigenvalues` and `offsets`."""
    rows: Rows = {
        table: []
        for table in (tables.HEAD_CIRCUITS, tables.ENTRIES, tables.EIGENVALUES, tables.OFFSETS)
    }
    weights, most = folded(model), own.shown.offsets
    core = weights.W_O @ (weights.W_U.T @ weights.W_E) @ weights.W_V
    eigenvalues = torch.linalg.eigvals(core)
    for layer, pattern in enumerate(patterns(model, text)):
        measured = positions.by_offset(pattern, most).mean(0)
        by_position = positions.by_offset(
            positions.position_patterns(model, layer, scales[layer].item()), most
        )
        for head in range(model.arch.n_heads):
            key = (layer, head)
            ov, qk = found.ov(*key), found.qk(*key).centred(vocab.weight)
            rows[tables.HEAD_CIRCUITS].append(
                (
                    *key,
                    ov.effective_rank(),
                    *ov.diagonal(),
                    qk.effective_rank(),
                    *qk.diagonal(),
                    by_position[head, 1].item(),
                    measured[head, 1].item(),
                    tokens.inexact(model, layer),
                    positions.inexact_positions(model, layer),
                )
            )
            for name, circuit in (("ov", ov), ("qk", qk)):
                rows[tables.ENTRIES] += [
                    (*key, name, *entry) for entry in _entries(circuit, own, vocab)
                ]
            values = eigenvalues[layer, head]
            values = values[values.abs().argsort(descending=True, stable=True)]
            largest = values.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
            rows[tables.EIGENVALUES] += [
                (*key, i, value.real, value.imag)
                for i, value in enumerate((values / largest).tolist())
            ]
            rows[tables.OFFSETS] += [
                (*key, offset, by_position[head, offset].item(), measured[head, offset].item())
                for offset in range(most)
            ]
    return rows


def _entries(circuit: tokens.Factored, own: CircuitSettings, vocab: Vocabulary) -> list[tuple]:
    common = vocab.common
    best, which, values = circuit.of(common, common).top(own.entries, own.columns)
    return [
        (row, place, vocab.texts[common[token]], vocab.texts[common[other]], value)
        for row, (token, others, own_values) in enumerate(
            zip(best.tolist(), which.tolist(), values.tolist(), strict=True)
        )
        for place, (other, value) in enumerate(zip(others, own_values, strict=True))
    ]


def trigram_rows(
    model: Transformer,
    found: tokens.Circuits,
    counts: trigrams.Counts,
    own: CircuitSettings,
    vocab: Vocabulary,
    spell: trigrams.Spell,
) -> Rows:
    """Tables `skip_trigrams` and `bugs`; no rows of models of more than one layer."""
    rows: Rows = {tables.SKIP_TRIGRAMS: [], tables.SKIP_TRIGRAM_BUGS: []}
    if model.arch.n_layers > 1:
        return rows

    def named(trigram: trigrams.Trigram) -> tuple:
        return (*(vocab.texts[token] for token in trigram[:3]), *trigram[3:])

    for head in range(model.arch.n_heads):
        best = trigrams.sources(
            found.qk(0, head),
            found.ov(0, head),
            vocab.weight,
            vocab.common,
            own.context,
            trigrams.WIDTH,
        )
        made = trigrams.tables(best, counts, own.among)
        rows[tables.SKIP_TRIGRAMS] += [
            (0, head, row, *named(one), counts.example(one, spell))
            for row, one in enumerate(trigrams.largest(made, own.entries, own.min_seen))
        ]
        rows[tables.SKIP_TRIGRAM_BUGS] += [
            (0, head, row, role, *named(getattr(bug, role)))
            for row, bug in enumerate(trigrams.bugs(made, own.entries, own.min_seen))
            for role in ("first", "forced", "second")
        ]
    return rows


@dataclass(frozen=True)
class Behaviour:
    """Of a head, from table `heads`."""

    kind: str
    previous_token: float
    prefix_matching: float
    ov_positivity: float


def edge_rows(
    edges: list[Edge],
    found: tokens.Circuits,
    by_position: dict[Head, float],
    heads: dict[Head, Behaviour],
    cut: list[float],
    rule: CircuitRule,
    kinds: KindThresholds,
    vocab: Vocabulary,
) -> list[tuple]:
    """Table `edges`, in the order of `edges`; `cut` is what ICL loses without each, nats."""
    rows = []
    for (reader, writer), lost in zip(edges, cut, strict=True):
        if writer == SMEAR:
            circuit = found.smeared(*reader)
            share = 1 - found.kept[reader].item()
            looks_back = (share, share)
        else:
            circuit = found.k(reader, writer)
            looks_back = (by_position[writer], heads[writer].previous_token)
        diagonal, above = circuit.centred(vocab.weight).diagonal()
        own = heads[reader]
        holds = (
            own.kind == "induction"
            and min(looks_back) >= kinds.previous_token
            and diagonal >= rule.diagonal
            and own.ov_positivity >= rule.copying
            and lost >= rule.necessary
        )
        values = (diagonal, above, *looks_back, own.ov_positivity, own.prefix_matching, lost)
        rows.append((*reader, *writer, *values, holds))
    return rows


def name_of(head: Head) -> str:
    return "smear" if head == SMEAR else f"L{head[0]}H{head[1]}"


def circuit_of(rows: list[tuple]) -> list[Edge]:
    """The edges of a table's rows that are a circuit's."""
    return [((la, h), (from_la, from_h)) for la, h, from_la, from_h, *_, holds in rows if holds]


def reason(
    rows: list[tuple], heads: dict[Head, Behaviour], rule: CircuitRule, kinds: KindThresholds
) -> str:
    """Why no edge is a circuit's: what the edge into an induction head that costs most falls
    short of; '' where there is a circuit."""
    if any(row[-1] for row in rows):
        return ""
    if not rows:
        return "one layer, and no smeared keys: no head can read what another wrote"
    into = [row for row in rows if heads[row[:2]].kind == "induction"]
    if not into:
        return "no induction head"
    row = max(into, key=lambda row: row[10])
    asked = {
        "attention to the previous token by position": (row[6], kinds.previous_token),
        "attention to the previous token": (row[7], kinds.previous_token),
        "share of the K circuit on the diagonal": (row[4], rule.diagonal),
        "OV positivity": (row[8], rule.copying),
        "nats of ICL without it": (row[10], rule.necessary),
    }
    lacks = [
        f"{what} {own:.2g}, below {least:g}" for what, (own, least) in asked.items() if own < least
    ]
    return f"{name_of(row[2:4])}>{name_of(row[:2])} is closest: {'; '.join(lacks)}"


@torch.inference_mode()
def attention_rows(
    model: Transformer, probes: dict[str, Int[Tensor, "1 pos"]]
) -> dict[str, np.ndarray | list]:
    """Table `attention`, as columns without their step: it has many rows."""
    found: dict[str, list] = {name: [] for name in ("layer", "head", "query", "key", "weight")}
    names = []
    for name in sorted(probes):
        for layer, pattern in enumerate(patterns(model, probes[name])):
            query, key = np.tril_indices(pattern.shape[-1])
            for head, own in enumerate(pattern[0].numpy()):
                names += [name] * len(query)
                found["layer"].append(np.full(len(query), layer, np.int16))
                found["head"].append(np.full(len(query), head, np.int16))
                found["query"].append(query.astype(np.int16))
                found["key"].append(key.astype(np.int16))
                found["weight"].append(np.rint(255 * own[query, key]).astype(np.uint8))
    return {"probe": names, **{name: np.concatenate(parts) for name, parts in found.items()}}


def with_step(table: Table, step: int, rows: list[tuple]) -> dict[str, np.ndarray | list]:
    """Columns of the rows of one checkpoint."""
    return columns(table, [(step, *row) for row in rows])
