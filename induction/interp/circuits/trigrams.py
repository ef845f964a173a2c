"""Skip-trigrams, source … destination -> out, of one-layer models, and the bugs they come with.

Elhage et al. 2021, One-Layer Attention-Only Transformers: a head's QK circuit says which source a
destination attends to, its OV circuit what that raises, and the second does not know of the first.
Whoever has learned *keep … in -> mind* and *keep … at -> bay* must raise *keep … in -> bay*, too.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt16
from torch import Tensor

from induction.interp.circuits.tokens import Factored

# A skip-trigram holds where the source makes the out twice as likely.
MIN_LIFT = math.log(2)
# Destinations and outs of a source that are looked at.
WIDTH = 8
# Tokens of an example that are shown at either end of what is between.
BESIDE = 6
# Tokens -> the text they spell.
Spell = Callable[[list[int]], str]


class Sources(NamedTuple):
    """For every source, largest first: the destinations that attend to it most, with the share of
    their attention, and the outs it raises most, in nats at full attention. Token ids."""

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
        # [source, destination]; what was best so far stands beside it
        best_a.append((scores / (scores + rest)).T)
        best_d.append(tokens[part].expand(len(qk.right), -1))
        attention = torch.cat(best_a, 1)
        top = attention.topk(min(k, attention.shape[1]), 1)
        best_a, best_d = [top.values], [torch.cat(best_d, 1).gather(1, top.indices)]
    # Above the mean source: the mean is taken over rows, so off the left factor.
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
        """What follows the destination, by out: where the source came before, and anywhere."""
        if source != self._source:
            self._source, here = source, np.arange(len(self.tokens))
            found = np.where(self.tokens == source, here, -self.context - 1)
            # The last place before each position, itself excluded.
            self._last = np.concatenate([[-self.context - 1], np.maximum.accumulate(found)[:-1]])
        at = self._places[destination]
        at = at[at + 1 < len(self.tokens)]
        with_source = at[at - self._last[at] <= self.context]
        return tuple(
            np.bincount(self.tokens[own + 1], minlength=self.vocab) for own in (with_source, at)
        )

    def example(self, trigram: "Trigram", spell: Spell) -> str:
        """The first occurrence, with what stands between source and destination cut to a few."""
        self.after(trigram.source, trigram.destination)
        at = self._places[trigram.destination]
        at = at[at + 1 < len(self.tokens)]
        hits = at[(self.tokens[at + 1] == trigram.out) & (at - self._last[at] <= self.context)]
        if not len(hits):
            return ""
        here, first = int(hits[0]), int(self._last[hits[0]])
        between = self.tokens[first + 1 : here].tolist()
        if len(between) > 2 * BESIDE:
            gap = spell(between[:BESIDE]) + " … " + spell(between[-BESIDE:])
        else:
            gap = spell(between)
        ends = spell([trigram.source]), spell([trigram.destination, trigram.out])
        return " ".join(f"{ends[0]}{gap}{ends[1]}".split())


class Trigram(NamedTuple):
    """Token ids, the effect in nats, and the text's counts: of the three, of source and
    destination, and the log of how much likelier the out is with the source than without."""

    source: int
    destination: int
    out: int
    effect: float
    seen: int
    pairs: int
    lift: float


class Bug(NamedTuple):
    """Two skip-trigrams of one source that the text has, and one that they force and it has not."""

    first: Trigram
    second: Trigram
    forced: Trigram


def _trigram(counts: Counts, source: int, destination: int, out: int, effect: float) -> Trigram:
    here, anywhere = counts.after(source, destination)
    pairs = int(here.sum())
    # One more destination with the source, followed by what follows any: few pairs say little, and
    # what was never seen has a logarithm.
    at_all = (anywhere[out] + 0.5) / (anywhere.sum() + 1)
    lift = math.log((here[out] + at_all) / (pairs + 1) / at_all)
    return Trigram(source, destination, out, effect, int(here[out]), pairs, lift)


def tables(found: Sources, counts: Counts, among: int) -> list[list[list[Trigram]]]:
    """Destination by out, of the `among` sources of largest effect, largest first."""
    effects = found.effects()
    order = np.argsort(-effects[:, 0, 0], kind="stable")[:among]
    return [
        [
            [
                _trigram(counts, s, int(d), int(o), float(effects[s, i, j]))
                for j, o in enumerate(found.outs[s])
            ]
            for i, d in enumerate(found.destinations[s])
        ]
        for s in order.tolist()
    ]


def largest(made: list[list[list[Trigram]]], rows: int, min_seen: int) -> list[Trigram]:
    """Of every source the skip-trigram of largest effect that the text has `min_seen` times and
    likelier with the source than without; the `rows` largest."""
    best = [
        max(own, key=lambda trigram: trigram.effect)
        for table in made
        if (own := [trigram for row in table for trigram in row if _holds(trigram, min_seen)])
    ]
    return sorted(best, key=lambda trigram: -trigram.effect)[:rows]


def bugs(made: list[list[list[Trigram]]], rows: int, min_seen: int) -> list[Bug]:
    """The `rows` bugs of largest forced effect, one of each source.

    Both halves hold in the text; the forced one is rarer than `min_seen`, and no likelier with
    the source than without.
    """
    best = []
    for table in made:
        halves = [
            (i, j)
            for i, row in enumerate(table)
            for j, own in enumerate(row)
            if _holds(own, min_seen)
        ]
        own = [
            Bug(table[i][j], table[m][n], table[i][n])
            for i, j in halves
            for m, n in halves
            if i != m and j != n and table[i][n].seen < min_seen and table[i][n].lift <= 0
        ]
        best += sorted(own, key=lambda bug: -bug.forced.effect)[:1]
    return sorted(best, key=lambda bug: -bug.forced.effect)[:rows]


def _holds(trigram: Trigram, min_seen: int) -> bool:
    return trigram.seen >= min_seen and trigram.lift >= MIN_LIFT
