"""Heads, and the edges between them that a circuit is made of."""

from typing import NamedTuple

from induction.interp.composition import pairs
from induction.models.transformer import Transformer


class Head(NamedTuple):
    layer: int
    index: int

    @property
    def name(self) -> str:
        return "smear" if self == SMEAR else f"L{self.layer}H{self.index}"


# The sender of an edge into a head that reads its smeared key: the previous position, no head.
SMEAR = Head(-1, -1)


class Edge(NamedTuple):
    """What the sender writes, as part of the receiver's queries, keys or values."""

    receiver: Head
    sender: Head

    @property
    def name(self) -> str:
        return f"{self.sender.name}>{self.receiver.name}"


def heads_of(model: Transformer) -> list[Head]:
    return [Head(la, h) for la in range(model.arch.n_layers) for h in range(model.arch.n_heads)]


def edges_of(model: Transformer) -> list[Edge]:
    """Every edge into keys, in the order of table `edges`."""
    edges = [
        Edge(Head(layer, head), Head(from_layer, from_head))
        for layer, head, from_layer, from_head in pairs(model.arch.n_layers, model.arch.n_heads)
    ]
    if model.arch.smeared_keys:
        edges += [Edge(head, SMEAR) for head in heads_of(model)]
    return sorted(edges)
