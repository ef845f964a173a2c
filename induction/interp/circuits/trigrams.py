"""Skip-trigrams, source … destination -> out, of one-layer models, and the bugs they entail.

Elhage et al. 2021, One-Layer Attention-Only Transformers: a head's QK circuit says which source a
destination attends to, its OV circuit what that raises, and the second does not know of the first.
A head that has learned *keep … in -> mind* and *keep … at -> bay* must raise *keep … in -> bay*,
too.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt16
from torch import Tensor

from induction.config.circuits import CircuitSettings
from induction.interp.circuits.edges import Head, heads_of
from induction.interp.circuits.rows import Row, RowsByTable, Vocabulary, head_key
from induction.interp.circuits.token_circuits import Factored, TokenCircuits
from induction.models.transformer import Transformer
from induction.tables import circuits as tables

# The text has a skip-trigram where the source makes the out twice as likely.
MIN_LIFT = math.log(2)
# Destinations, and outs, that are examined for each source.
WIDTH = 8
# In an example, tokens shown after the source and before the destination.
BESIDE = 6
# Token ids -> the text they spell.
Spell = Callable[[list[int]], str]


class Sources(NamedTuple):
    """For every source, largest first: ids of the destinations that attend to it most, with their
    attention, and ids of the outs it raises most, with the nats at full attention."""

    destinations: Int[np.ndarray, "source k"]
    attention: Float[np.ndarray, "source k"]
    outs: Int[np.ndarray, "source k"]
    raises: Float[np.ndarray, "source k"]

    def effects(self) -> Float[np.ndarray, "source k k"]:
        """Nats that the out gains, source by destination by out: attention × raise."""
        return self.attention[:, :, None] * self.raises[:, None, :]


def sources(
    qk: Factored,
    ov: Factored,
    weight: Float[Tensor, "vocab"],
    tokens: Int[Tensor, "n"],
    context: int,
    k: int,
) -> Sources:
    """Of all tokens as sources, among `tokens` as destinations and outs.

    Attention is what a destination gives to one source among `context` keys, the others drawn
    from the text's unigram distribution, `weight`: exp(s) / (exp(s) + (context - 1) mean exp(s)).
    Raises are above the mean source's.
    """
    others = weight / weight.sum()
    best_a, best_d = [], []
    for part in Factored(qk.left[tokens], qk.right).blocks():
        scores = qk.left[tokens[part]] @ qk.right.T
        scores = (scores - scores.max(1, keepdim=True).values).exp()
        rest = (context - 1) * (scores * others).sum(1, keepdim=True)
        # [source, destination], beside the best of the blocks before.
        best_a.append((scores / (scores + rest)).T)
        best_d.append(tokens[part].expand(len(qk.right), -1))
        attention = torch.cat(best_a, 1)
        top = attention.topk(min(k, attention.shape[1]), 1)
        best_a, best_d = [top.values], [torch.cat(best_d, 1).gather(1, top.indices)]
    # Above the mean source: a mean over rows is taken off the left factor.
    mean = (others[:, None] * ov.left).sum(0)
    order, outs, raises = Factored(ov.left - mean, ov.right[tokens]).top(len(ov.left), k)
    back = order.argsort()
    return Sources(
        best_d[0].numpy(), best_a[0].numpy(), tokens[outs[back]].numpy(), raises[back].numpy()
    )


class Counts:
    """Skip-trigrams counted in text: the source within `context` tokens before the destination."""

    def __init__(self, tokens: UInt16[np.ndarray, "stream"], vocab: int, context: int):
        self.tokens, self.vocab, self.context = tokens.astype(np.int64), vocab, context
        order = np.argsort(self.tokens, kind="stable")
        ends = np.bincount(self.tokens, minlength=vocab).cumsum()
        self._places = np.split(order, ends[:-1])
        self._source, self._last = -1, np.array([])

    def after(
        self, source: int, destination: int
    ) -> tuple[Int[np.ndarray, "vocab"], Int[np.ndarray, "vocab"]]:
        """Counts of what follows the destination: where the source came before, and anywhere."""
        anywhere = self._followed(destination)
        with_source = anywhere[self._has_before(source, anywhere)]
        return self._next(with_source), self._next(anywhere)

    def example(self, trigram: "Trigram", spell: Spell) -> str:
        """The first occurrence, with a long text between source and destination shortened."""
        places = self._followed(trigram.destination)
        places = places[self.tokens[places + 1] == trigram.out]
        places = places[self._has_before(trigram.source, places)]
        if not len(places):
            return ""
        here = int(places[0])
        first = int(self._last[here])
        between = self.tokens[first + 1 : here].tolist()
        if len(between) > 2 * BESIDE:
            gap = spell(between[:BESIDE]) + " … " + spell(between[-BESIDE:])
        else:
            gap = spell(between)
        begin, end = spell([trigram.source]), spell([trigram.destination, trigram.out])
        return " ".join(f"{begin}{gap}{end}".split())

    def _followed(self, token: int) -> Int[np.ndarray, "n"]:
        """Where a token stands with another after it."""
        places = self._places[token]
        return places[places + 1 < len(self.tokens)]

    def _next(self, places: Int[np.ndarray, "n"]) -> Int[np.ndarray, "vocab"]:
        return np.bincount(self.tokens[places + 1], minlength=self.vocab)

    def _has_before(self, source: int, places: Int[np.ndarray, "n"]) -> Bool[np.ndarray, "n"]:
        """Whether the source is among the `context` tokens before each place."""
        if source != self._source:
            never = -self.context - 1
            at = np.where(self.tokens == source, np.arange(len(self.tokens)), never)
            # The last place before each position, the position itself excluded.
            self._last = np.concatenate([[never], np.maximum.accumulate(at)[:-1]])
            self._source = source
        return places - self._last[places] <= self.context


class Trigram(NamedTuple):
    """Token ids, the effect in nats, the text's counts of the three and of source and destination,
    and the log of how much likelier the out is with the source than without."""

    source: int
    destination: int
    out: int
    effect: float
    seen: int
    pairs: int
    lift: float


class Bug(NamedTuple):
    """Two skip-trigrams of one source that the text has, and the one that they force and the text
    does not have: the destination of the first with the out of the second."""

    first: Trigram
    second: Trigram
    forced: Trigram


# Of one source: destination by out.
Candidates = list[list[Trigram]]


def _trigram(counts: Counts, source: int, destination: int, out: int, effect: float) -> Trigram:
    here, anywhere = counts.after(source, destination)
    pairs = int(here.sum())
    # One more destination with the source, followed by what follows any: few pairs say little, and
    # what was never seen has a logarithm.
    at_all = (anywhere[out] + 0.5) / (anywhere.sum() + 1)
    lift = math.log((here[out] + at_all) / (pairs + 1) / at_all)
    return Trigram(source, destination, out, effect, int(here[out]), pairs, lift)


def counted(sources: Sources, counts: Counts, among: int) -> list[Candidates]:
    """Of the `among` sources of largest effect, largest first."""
    effects = sources.effects()
    by_effect = np.argsort(-effects[:, 0, 0], kind="stable")[:among]
    return [
        [
            [
                _trigram(counts, s, int(destination), int(out), float(effects[s, i, j]))
                for j, out in enumerate(sources.outs[s])
            ]
            for i, destination in enumerate(sources.destinations[s])
        ]
        for s in by_effect.tolist()
    ]


def largest(candidates: list[Candidates], rows: int, min_seen: int) -> list[Trigram]:
    """Of every source the skip-trigram of largest effect that the text has `min_seen` times and
    likelier with the source than without; the `rows` largest."""
    best = [
        max(in_text, key=lambda trigram: trigram.effect)
        for of_source in candidates
        if (in_text := [t for row in of_source for t in row if _in_text(t, min_seen)])
    ]
    return sorted(best, key=lambda trigram: -trigram.effect)[:rows]


def bugs(candidates: list[Candidates], rows: int, min_seen: int) -> list[Bug]:
    """The `rows` bugs of largest forced effect, one of each source.

    The text has both halves; the forced one is rarer than `min_seen`, and no likelier with the
    source than without.
    """
    best = []
    for of_source in candidates:
        halves = [
            (i, j)
            for i, row in enumerate(of_source)
            for j, trigram in enumerate(row)
            if _in_text(trigram, min_seen)
        ]
        # Halves that share destination or out force only each other, and the text has both.
        of_halves = [
            Bug(of_source[i][j], of_source[m][n], forced)
            for i, j in halves
            for m, n in halves
            if (forced := of_source[i][n]).seen < min_seen and forced.lift <= 0
        ]
        best += sorted(of_halves, key=lambda bug: -bug.forced.effect)[:1]
    return sorted(best, key=lambda bug: -bug.forced.effect)[:rows]


def _in_text(trigram: Trigram, min_seen: int) -> bool:
    return trigram.seen >= min_seen and trigram.lift >= MIN_LIFT


def trigram_rows(
    model: Transformer,
    circuits: TokenCircuits,
    counts: Counts,
    settings: CircuitSettings,
    vocab: Vocabulary,
    spell: Spell,
) -> RowsByTable:
    """Tables `skip_trigrams` and `skip_trigram_bugs`: no rows for models of more than one layer."""
    rows: RowsByTable = {tables.SKIP_TRIGRAMS: [], tables.SKIP_TRIGRAM_BUGS: []}
    if model.arch.n_layers > 1:
        return rows
    for head in heads_of(model):
        qk, ov = circuits.qk(head), circuits.ov(head)
        examined = sources(qk, ov, vocab.weight, vocab.common, settings.context, WIDTH)
        candidates = counted(examined, counts, settings.among)
        in_text = largest(candidates, settings.entries, settings.min_seen)
        rows[tables.SKIP_TRIGRAMS] += [
            _row(head, row, trigram, vocab) | {"example": counts.example(trigram, spell)}
            for row, trigram in enumerate(in_text)
        ]
        forced = bugs(candidates, settings.entries, settings.min_seen)
        rows[tables.SKIP_TRIGRAM_BUGS] += [
            _row(head, row, trigram, vocab) | {"role": role}
            for row, bug in enumerate(forced)
            for role, trigram in bug._asdict().items()
        ]
    return rows


def _row(head: Head, row: int, trigram: Trigram, vocab: Vocabulary) -> Row:
    texts = {name: vocab.texts[getattr(trigram, name)] for name in ("source", "destination", "out")}
    return head_key(head) | {"row": row} | trigram._asdict() | texts
