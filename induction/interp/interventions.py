"""Joint edits of attention heads: sets removed, and patterns knocked out or made ideal."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import chain, combinations, groupby, product
from math import comb, prod
from operator import itemgetter
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from induction.interp.activations import Edits, Head, Site
from induction.interp.attention_scores import Keys, after_same_token

Pattern = Float[Tensor, "batch query key"]
PatternEdit = Callable[[Pattern], Pattern]
Rule = Literal["knockout", "knockout_random", "previous", "induction", "trigram"]

# The kind of heads without a kind of their own, which alone may stand in for others.
NO_KIND = "other"
# The sets whose heads are removed together, and the kinds of heads in each.
SETS: dict[str, tuple[str, ...]] = {
    "induction": ("induction",),
    "previous_token": ("previous_token",),
    "both": ("induction", "previous_token"),
}
# The edits of patterns: which rule the heads of each kind follow.
PATTERNS: dict[str, dict[str, Rule]] = {
    "knockout": {"induction": "knockout"},
    "knockout_random": {"induction": "knockout_random"},
    "ideal_previous": {"previous_token": "previous"},
    "ideal_induction": {"induction": "induction"},
    "ideal_trigram": {"induction": "trigram"},
    "ideal_both": {"previous_token": "previous", "induction": "induction"},
}


@dataclass(frozen=True)
class HeadEdits:
    """The edits of one run: heads removed (z = 0), and the rules that patterns of others follow."""

    removed: frozenset[Head] = frozenset()
    rules: dict[Head, Rule] = field(default_factory=dict)


@dataclass(frozen=True)
class Intervention:
    """What is to be run under one name; `runs` is empty, and `reason` says why, if undefined."""

    name: str
    heads: frozenset[Head]
    runs: list[HeadEdits]
    reason: str = ""

    @property
    def names(self) -> str:
        """The heads, as in table `intervention_heads`; random sets have none in particular."""
        is_drawn = self.name.startswith("random_")
        return "" if is_drawn else " ".join(f"L{la}H{head}" for la, head in sorted(self.heads))


def knocked_out(pattern: Pattern, hidden: Keys) -> Pattern:
    """No attention on the `hidden` keys; the rest of each row is scaled up to sum to one.

    A row with nothing left, all of its attention being on hidden keys to the last bit, is kept:
    that takes a head whose other scores lie some 90 nats below.
    """
    kept = pattern.masked_fill(hidden, 0)
    left = kept.sum(-1, keepdim=True)
    return torch.where(left > 0, kept / left, pattern)


def random_keys(rng: np.random.Generator, targets: Keys) -> Keys:
    """For each query, as many keys as it has targets, drawn among the keys up to it that are not
    targets; all of those, where they are fewer."""
    others = ~targets & torch.ones_like(targets).tril()
    count = torch.minimum(targets.sum(-1), others.sum(-1))
    order = torch.from_numpy(rng.random(tuple(targets.shape))).to(targets.device)
    order = order.masked_fill(~others, 2.0).argsort(-1)
    first = torch.arange(targets.shape[-1], device=targets.device) < count[..., None]
    return torch.zeros_like(targets).scatter(-1, order, first)


def trigram_keys(targets: Keys) -> Keys:
    """Those of the keys `after_same_token` whose earlier occurrence has the query's context: the
    token before it is the token before the query, too."""
    keys = torch.zeros_like(targets)
    keys[:, 1:, 1:] = targets[:, 1:, 1:] & targets[:, :-1, :-1]
    return keys


def _uniform(keys: Keys, fallback: Keys) -> Pattern:
    """Equal attention on all `keys` of a query; where it has none, on those of `fallback`."""
    attended = torch.where(keys.any(-1, keepdim=True), keys, fallback).float()
    return attended / attended.sum(-1, keepdim=True)


class Rules:
    """What each rule does to a pattern over `tokens`. Holds masks only: a byte per key.

    knockout         no attention to keys after earlier occurrences of the query's token
    knockout_random  its control: as many other keys, drawn by `rng`
    previous         attention to the previous token alone; of the first token, to itself
    induction        equal attention to all keys after earlier occurrences of the query's token;
                     to the first token where there is none
    trigram          the same, restricted to occurrences in the query's context where there are any

    The last three are the idealised patterns of the replication in the comments of Olsson et al.
    2022 (Comments & Replications).
    """

    def __init__(self, tokens: Int[Tensor, "batch pos"], rng: np.random.Generator):
        inputs = tokens[:, :-1]
        self.targets = after_same_token(inputs)
        self.others = random_keys(rng, self.targets)

    def edits(self, edits: HeadEdits) -> Edits:
        """The edits of a forward pass over these tokens."""
        removed = {Site("z", *head): 0.0 for head in edits.removed}
        return removed | {Site("pattern", *head): self.edit(r) for head, r in edits.rules.items()}

    def edit(self, rule: Rule) -> PatternEdit:
        if rule == "knockout":
            return lambda pattern: knocked_out(pattern, self.targets)
        if rule == "knockout_random":
            return lambda pattern: knocked_out(pattern, self.others)
        return lambda pattern: self._ideal(rule)

    def _ideal(self, rule: Rule) -> Pattern:
        first = torch.zeros_like(self.targets)
        first[:, :, 0] = True
        if rule == "previous":
            previous = torch.ones_like(first).tril(-1) & torch.ones_like(first).triu(-1)
            return _uniform(previous, first)
        matches = torch.where(self.targets.any(-1, keepdim=True), self.targets, first)
        return _uniform(trigram_keys(self.targets) if rule == "trigram" else matches, matches)


def shortage(chosen: frozenset[Head], pool: frozenset[Head]) -> str:
    """Which layer has too few heads in `pool` to match `chosen` layer by layer; '' if none."""
    stand_ins = _by_layer(pool)
    for layer, heads in _by_layer(chosen).items():
        there = len(stand_ins.get(layer, []))
        if there < len(heads):
            plural = "" if there == 1 else "s"
            return f"layer {layer} has {there} head{plural} of no kind, the set has {len(heads)}"
    return ""


def matched_sets(
    chosen: frozenset[Head], pool: frozenset[Head], draws: int, rng: np.random.Generator
) -> list[frozenset[Head]]:
    """`draws` different sets with as many heads of every layer as `chosen`, all from `pool`.

    All of them, once and in order, where there are no more than that. Layers must have enough
    heads in the pool: see `shortage`. (Crosbie & Shutova 2024, for the idea of matching layers.)
    """
    stand_ins = _by_layer(pool)
    layers = [(layer, stand_ins[layer], len(heads)) for layer, heads in _by_layer(chosen).items()]
    if prod(comb(len(others), count) for _, others, count in layers) <= draws:
        choices = [
            [tuple((layer, head) for head in heads) for heads in combinations(others, count)]
            for layer, others, count in layers
        ]
        return [frozenset(chain(*choice)) for choice in product(*choices)]
    # A dict, because a set would not keep the order of the draws.
    drawn: dict[frozenset[Head], None] = {}
    while len(drawn) < draws:
        heads = frozenset(
            (layer, int(head))
            for layer, others, count in layers
            for head in rng.choice(others, count, replace=False)
        )
        drawn[heads] = None
    return list(drawn)


def _by_layer(heads: frozenset[Head]) -> dict[int, list[int]]:
    by_layer = groupby(sorted(heads), itemgetter(0))
    return {layer: [head for _, head in of_layer] for layer, of_layer in by_layer}


def interventions(kinds: dict[Head, str], draws: int, seed: tuple[int, ...]) -> list[Intervention]:
    """All interventions of one checkpoint, sorted by name, on the heads of each kind there.

    `kinds` has every head. Every name is there at every checkpoint; which of them are defined
    depends on the kinds. Random sets are drawn from heads of no kind: a stand-in for previous-token
    heads that contained an induction head would measure that head. A control is never made smaller
    than its set: it is undefined where such heads are too few.
    """
    pool = frozenset(head for head, kind in kinds.items() if kind == NO_KIND)

    def heads_of(chosen_kinds: Collection[str]) -> tuple[frozenset[Head], str]:
        """The heads, and the reason if there are none."""
        heads = frozenset(head for head, kind in kinds.items() if kind in chosen_kinds)
        names = " or ".join(kind.replace("_token", "-token") for kind in chosen_kinds)
        return heads, "" if heads else f"no {names} head at this checkpoint"

    planned = [Intervention("none", frozenset(), [HeadEdits()])]
    for i, (name, chosen_kinds) in enumerate(SETS.items()):
        chosen, reason = heads_of(chosen_kinds)
        runs = [HeadEdits(chosen)] if chosen else []
        planned.append(Intervention(f"without_{name}", chosen, runs, reason))
        reason = reason or shortage(chosen, pool)
        rng = np.random.default_rng((*seed, i))
        sets = [] if reason else matched_sets(chosen, pool, draws, rng)
        runs = [HeadEdits(heads) for heads in sets]
        planned.append(Intervention(f"random_{name}", chosen, runs, reason))
    for name, rules in PATTERNS.items():
        chosen, reason = heads_of(rules)
        runs = [HeadEdits(rules={head: rules[kinds[head]] for head in chosen})] if chosen else []
        planned.append(Intervention(name, chosen, runs, reason))
    return sorted(planned, key=lambda intervention: intervention.name)
