"""Joint edits of attention heads: sets removed, and patterns knocked out or made ideal."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import chain, combinations, product
from math import comb, prod
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from induction.interp.attention_scores import after_same_token
from induction.interp.losses import nll
from induction.models.transformer import Transformer

Head = tuple[int, int]  # layer, head of the layer
PatternEdit = Callable[[Float[Tensor, "batch query key"]], Float[Tensor, "batch query key"]]
Rule = Literal["knockout", "knockout_random", "previous", "induction", "trigram"]

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
class Edits:
    """One run of the model: the heads set to zero, and the rules that the patterns follow."""

    removed: frozenset[Head] = frozenset()
    rules: dict[Head, Rule] = field(default_factory=dict)


@dataclass(frozen=True)
class Intervention:
    """What is to be run under one name; `runs` is empty, and `reason` says why, if undefined."""

    name: str
    heads: frozenset[Head]
    runs: list[Edits]
    reason: str = ""

    @property
    def names(self) -> str:
        """The heads, as in table `sets`; random sets have none in particular."""
        is_drawn = self.name.startswith("random_")
        return "" if is_drawn else " ".join(f"L{la}H{head}" for la, head in sorted(self.heads))


@torch.inference_mode()
def edited_nll(
    model: Transformer,
    tokens: Int[Tensor, "batch pos"],
    removed: Collection[Head] = (),
    patterns: Mapping[Head, PatternEdit] | None = None,
) -> Float[Tensor, "batch pos-1"]:
    """Token losses [nats] with the heads `removed` (z = 0) and the patterns of others edited.

    Everything downstream is computed anew, from what the edits leave (full ablation).
    """
    inputs, edits = tokens[:, :-1], patterns or {}
    resid = model.embedding(inputs)
    for layer, block in enumerate(model.layers):
        x = block.ln1(resid)
        z = block.attn.z(x)
        own = {head: edit for (at, head), edit in edits.items() if at == layer}
        if own:
            pattern, values = block.attn.pattern(x), block.attn.values(x)
            for head, edit in own.items():
                z[:, head] = edit(pattern[:, head]) @ values[:, head]
        for at, head in removed:
            if at == layer:
                z[:, head] = 0
        resid = block.after_attention(resid + block.attn.out(z))
    return nll(model, resid, tokens[:, 1:])


def knocked_out(
    pattern: Float[Tensor, "batch query key"], hidden: Bool[Tensor, "batch query key"]
) -> Float[Tensor, "batch query key"]:
    """No attention on the `hidden` keys; the rest of each row is scaled up to sum to one.

    A row with nothing left, all of its attention being on hidden keys to the last bit, is kept:
    that takes a head whose other scores lie some 90 nats below.
    """
    kept = pattern.masked_fill(hidden, 0)
    left = kept.sum(-1, keepdim=True)
    return torch.where(left > 0, kept / left, pattern)


def random_keys(
    rng: np.random.Generator, targets: Bool[Tensor, "batch query key"]
) -> Bool[Tensor, "batch query key"]:
    """For each query, as many keys as it has targets, drawn among the keys up to it that are not
    targets; all of those, where they are fewer."""
    others = ~targets & torch.ones_like(targets).tril()
    count = torch.minimum(targets.sum(-1), others.sum(-1))
    order = torch.from_numpy(rng.random(tuple(targets.shape))).to(targets.device)
    order = order.masked_fill(~others, 2.0).argsort(-1)
    first = torch.arange(targets.shape[-1], device=targets.device) < count[..., None]
    return torch.zeros_like(targets).scatter(-1, order, first)


def trigram_keys(targets: Bool[Tensor, "batch query key"]) -> Bool[Tensor, "batch query key"]:
    """Those of the keys `after_same_token` whose earlier occurrence has the query's context: the
    token before it is the token before the query, too."""
    found = torch.zeros_like(targets)
    found[:, 1:, 1:] = targets[:, 1:, 1:] & targets[:, :-1, :-1]
    return found


def _uniform(
    keys: Bool[Tensor, "batch query key"], fallback: Bool[Tensor, "batch query key"]
) -> Float[Tensor, "batch query key"]:
    """Equal attention on all `keys` of a query; where it has none, on those of `fallback`."""
    found = torch.where(keys.any(-1, keepdim=True), keys, fallback).float()
    return found / found.sum(-1, keepdim=True)


class Rules:
    """What each rule does to a pattern over `tokens`. Only masks are kept: a byte per key.

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

    def edit(self, rule: Rule) -> PatternEdit:
        if rule == "knockout":
            return lambda pattern: knocked_out(pattern, self.targets)
        if rule == "knockout_random":
            return lambda pattern: knocked_out(pattern, self.others)
        return lambda pattern: self._ideal(rule)

    def _ideal(self, rule: Rule) -> Float[Tensor, "batch query key"]:
        first = torch.zeros_like(self.targets)
        first[:, :, 0] = True
        if rule == "previous":
            return _uniform(
                torch.ones_like(first).tril(-1) & torch.ones_like(first).triu(-1), first
            )
        found = torch.where(self.targets.any(-1, keepdim=True), self.targets, first)
        return _uniform(trigram_keys(self.targets) if rule == "trigram" else found, found)


def shortage(chosen: frozenset[Head], n_heads: int) -> str:
    """Which layer has too few other heads to match `chosen` layer by layer; '' if none."""
    for layer, own in _by_layer(chosen).items():
        others = n_heads - len(own)
        if others < len(own):
            plural = "" if others == 1 else "s"
            return f"layer {layer} has {others} other head{plural}, the set has {len(own)}"
    return ""


def matched_sets(
    chosen: frozenset[Head], n_heads: int, draws: int, rng: np.random.Generator
) -> list[frozenset[Head]]:
    """`draws` different sets with as many heads of every layer as `chosen`, and none of its own.

    All of them, once and in order, where there are no more than that. Layers must have enough
    other heads: see `shortage`. (Crosbie & Shutova 2024, for the idea of matching layers.)
    """
    layers = [
        (layer, [head for head in range(n_heads) if head not in own], len(own))
        for layer, own in _by_layer(chosen).items()
    ]
    if prod(comb(len(others), count) for _, others, count in layers) <= draws:
        every = [
            [tuple((layer, head) for head in own) for own in combinations(others, count)]
            for layer, others, count in layers
        ]
        return [frozenset(chain(*own)) for own in product(*every)]
    found: dict[frozenset[Head], None] = {}
    while len(found) < draws:
        drawn = [
            (layer, int(head))
            for layer, others, count in layers
            for head in rng.choice(others, count, replace=False)
        ]
        found[frozenset(drawn)] = None
    return list(found)


def _by_layer(heads: frozenset[Head]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for layer, head in sorted(heads):
        found.setdefault(layer, []).append(head)
    return found


def interventions(
    kinds: dict[Head, str], n_heads: int, draws: int, seed: tuple[int, ...]
) -> list[Intervention]:
    """All interventions of one checkpoint, sorted by name, on the heads of each kind there.

    Every name is there at every checkpoint; which of them are defined depends on the kinds. A
    control is never made smaller than its set: it is undefined where heads are too few.
    """
    found = [Intervention("none", frozenset(), [Edits()])]

    def heads_of(*wanted: str) -> frozenset[Head]:
        return frozenset(head for head, kind in kinds.items() if kind in wanted)

    def lack(*wanted: str) -> str:
        named = " or ".join(kind.replace("_token", "-token") for kind in wanted)
        return f"no {named} head at this checkpoint"

    for i, (name, wanted) in enumerate(SETS.items()):
        chosen = heads_of(*wanted)
        why = "" if chosen else lack(*wanted)
        runs = [Edits(chosen)] if chosen else []
        found.append(Intervention(f"without_{name}", chosen, runs, why))
        why = why or shortage(chosen, n_heads)
        rng = np.random.default_rng((*seed, i))
        sets = [] if why else matched_sets(chosen, n_heads, draws, rng)
        found.append(Intervention(f"random_{name}", chosen, [Edits(own) for own in sets], why))
    for name, rules in PATTERNS.items():
        chosen = heads_of(*rules)
        runs = [Edits(rules={head: rules[kinds[head]] for head in chosen})] if chosen else []
        found.append(Intervention(name, chosen, runs, "" if chosen else lack(*rules)))
    return sorted(found, key=lambda own: own.name)
