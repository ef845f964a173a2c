"""The evidence that an edge is an induction circuit's, and what of it is missing."""

from typing import NamedTuple

from induction.config.circuits import CircuitRule
from induction.config.heads import KindThresholds
from induction.interp.circuits.edges import SMEAR, Edge, Head
from induction.interp.circuits.rows import Row, Vocabulary, edge_key
from induction.interp.circuits.token_circuits import TokenCircuits


class HeadScores(NamedTuple):
    """What table `heads` says of one head, by its columns."""

    kind: str
    previous_token: float
    prefix_matching: float
    ov_positivity: float


class Evidence(NamedTuple):
    """Of one edge, by the columns of table `edges`."""

    k_diagonal: float
    k_above: float
    by_position: float
    previous_token: float
    ov_positivity: float
    prefix_matching: float
    icl_lost: float

    def shortfalls(self, rule: CircuitRule, kinds: KindThresholds) -> list[str]:
        required = {
            "attention to the previous token by position": (self.by_position, kinds.previous_token),
            "attention to the previous token": (self.previous_token, kinds.previous_token),
            "share of the K circuit on the diagonal": (self.k_diagonal, rule.diagonal),
            "OV positivity": (self.ov_positivity, rule.copying),
            "nats of ICL without it": (self.icl_lost, rule.necessary),
        }
        return [
            f"{what} {value:.2g}, below {least:g}"
            for what, (value, least) in required.items()
            if value < least
        ]


def edge_evidence(
    circuits: TokenCircuits,
    by_position: dict[Head, float],
    scores: dict[Head, HeadScores],
    icl_lost: dict[Edge, float],
    vocab: Vocabulary,
) -> dict[Edge, Evidence]:
    """For every edge of `icl_lost`, the nats of ICL that the model loses without it; `by_position`
    is each head's attention to the previous token by its position circuit."""
    evidence = {}
    for edge, lost in icl_lost.items():
        receiver, sender = edge
        if sender == SMEAR:
            circuit = circuits.smeared(receiver)
            share = 1 - circuits.unsmeared[receiver].item()
            to_previous = {"by_position": share, "previous_token": share}
        else:
            circuit = circuits.k(edge)
            to_previous = {
                "by_position": by_position[sender],
                "previous_token": scores[sender].previous_token,
            }
        diagonal = circuit.centred(vocab.weight).diagonal()
        evidence[edge] = Evidence(
            k_diagonal=diagonal.share,
            k_above=diagonal.above,
            **to_previous,
            ov_positivity=scores[receiver].ov_positivity,
            prefix_matching=scores[receiver].prefix_matching,
            icl_lost=lost,
        )
    return evidence


def circuit_of(
    evidence: dict[Edge, Evidence],
    scores: dict[Head, HeadScores],
    rule: CircuitRule,
    kinds: KindThresholds,
) -> tuple[list[Edge], str]:
    """The edges into induction heads for which no evidence is missing; without any, the reason:
    what is missing for the one that costs most ICL."""
    if not evidence:
        return [], "one layer, and no smeared keys: no head can read what another wrote"
    missing = {
        edge: values.shortfalls(rule, kinds)
        for edge, values in evidence.items()
        if scores[edge.receiver].kind == "induction"
    }
    if not missing:
        return [], "no induction head"
    if circuit := [edge for edge, shortfalls in missing.items() if not shortfalls]:
        return circuit, ""
    closest = max(missing, key=lambda edge: evidence[edge].icl_lost)
    return [], f"{closest.name} is closest: {'; '.join(missing[closest])}"


def edge_rows(evidence: dict[Edge, Evidence], circuit: list[Edge]) -> list[Row]:
    """Table `edges`."""
    return [
        edge_key(edge) | values._asdict() | {"is_circuit": edge in circuit}
        for edge, values in evidence.items()
    ]
