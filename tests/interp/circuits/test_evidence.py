"""The circuit built by hand is named, and only with all of its evidence."""

import numpy as np
import pytest
import torch

from induction.config.circuits import CircuitRule
from induction.config.heads import KindThresholds
from induction.interp.circuits import residual
from induction.interp.circuits.edges import Edge, Head
from induction.interp.circuits.evidence import HeadScores, circuit_of, edge_evidence, edge_rows
from induction.interp.circuits.rows import Vocabulary
from induction.interp.circuits.token_circuits import token_circuits
from induction.interp.probes import repeated_blocks
from tests.conftest import BLOCK, REPEATS, V

L0H0, L0H1, L1H0, L1H1 = (Head(*head) for head in ((0, 0), (0, 1), (1, 0), (1, 1)))
CIRCUIT = Edge(L1H0, L0H0)
KNOWN = {L0H0: "previous_token", L0H1: "other", L1H0: "induction", L1H1: "other"}
RULE, KINDS = CircuitRule(0.1, 0.5, 0.05), KindThresholds(0.3, 0.5, 0.3)


@pytest.fixture
def named(induction_model):
    """The circuit, and the reason for none, when heads are of `kinds` and the circuit's edge costs
    `lost` nats of ICL."""

    def circuit_and_reason(lost=2.0, kinds=KNOWN):
        probe = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)
        scales = residual.decompose(induction_model, probe).scales.mean((1, 2))
        scores = {
            head: HeadScores(kind, 1.0 if kind == "previous_token" else 0.0, 0.9, 1.0)
            for head, kind in kinds.items()
        }
        evidence = edge_evidence(
            token_circuits(induction_model, scales),
            {head: of_head.previous_token for head, of_head in scores.items()},
            scores,
            {Edge(a, b): lost * ((a, b) == CIRCUIT) for a in (L1H0, L1H1) for b in (L0H0, L0H1)},
            Vocabulary([], np.ones(V, np.int64), torch.arange(1, V)),
        )
        circuit, why = circuit_of(evidence, scores, RULE, KINDS)
        rows = edge_rows(evidence, circuit)
        assert [row["is_circuit"] for row in rows] == [edge in circuit for edge in evidence]
        return circuit, why

    return circuit_and_reason


def test_the_hand_built_circuit_is_named(named):
    assert named() == ([CIRCUIT], "")


def test_all_evidence_is_required(named, induction_model):
    """One piece of evidence taken away at a time: no circuit, and the reason says which."""
    circuit, why = named(lost=0.0)
    assert circuit == [] and "nats of ICL without it 0, below 0.05" in why
    circuit, why = named(kinds={**KNOWN, L0H0: "other"})
    assert circuit == [] and "attention to the previous token" in why
    assert named(kinds={**KNOWN, L1H0: "other"}) == ([], "no induction head")
    with torch.no_grad():
        induction_model.layers[1].attn.k.weight.zero_()
    circuit, why = named()
    assert circuit == [] and "K circuit on the diagonal 0, below 0.1" in why
    assert why.startswith("L0H0>L1H0 is closest")


def test_one_layer_has_no_edges():
    circuit, why = circuit_of({}, {}, RULE, KINDS)
    assert circuit == [] and "one layer" in why
