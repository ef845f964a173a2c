"""What is said of the weights."""

from induction.report import weights
from tests.report.madeup_findings import Model, of


def edge(cell: str, sender: str, receiver: str, lost: float, from_layer: int = 0) -> dict:
    return {
        "cell": cell, "is_circuit": True, "is_last": True, "receiver_input": "k",
        "from_layer": from_layer, "sender": sender, "receiver": receiver, "icl_lost": lost,
        "by_position": 0.9, "previous_token": 0.8, "k_composition": 0.16, "k_random": 0.09,
        "k_diagonal": 0.7, "ov_positivity": 0.99,
    }  # fmt: skip


def share(value: float) -> dict:
    return {"share": value, "share_low": value - 0.1, "share_high": value + 0.1}


def test_the_edge_that_matters_most_is_told_part_by_part():
    shown, _ = of({"cell": "a"})
    edges = [edge("a", "L0H1", "L1H0", 0.1), edge("a", "L0H2", "L1H3", 0.2)]
    circuits = [{"cell": "a", "cut": share(0.5), "kept": share(0.9)}]
    looks, reads, copies, cut = weights.sentences({"circuit_edges": edges}, shown, circuits)
    assert "two-layer attention-only model, head L0H2 looks at the previous token" in looks
    assert "0.90 of its attention there, and on text it spends 0.80" in looks
    assert "0.16, where circuits turned at random have 0.09" in reads and "70 % of" in reads
    assert copies.startswith("Head L1H3 then copies") and "0.99" in copies
    assert cut == (
        "Cutting the circuit, which leaves the heads all that they read and write elsewhere, takes "
        "50 % (interval 40 to 60) of in-context learning away; the "
        "circuit alone, with the direct path from token to token, keeps 90 % (interval 80 to 100)."
    )
    edges[1]["is_last"] = False
    looks, *_ = weights.sentences({"circuit_edges": edges}, shown, circuits)
    assert "head L0H1" in looks, "the end of training counts"


def test_smeared_keys_need_one_head():
    shown, _ = of({"cell": "s", "model": Model(1, smeared_keys=True)})
    edges = [edge("s", "smear", "L0H2", 0.1, from_layer=-1)]
    circuits = [{"cell": "s", "cut": None, "kept": None}]
    (sentence,) = weights.sentences({"circuit_edges": edges}, shown, circuits)
    assert "one-layer model with smeared keys no second head is needed" in sentence
    assert "keys of head L0H2 matches 70 %" in sentence


def test_without_a_circuit_nothing_is_said():
    shown, _ = of({"cell": "a"})
    assert weights.sentences({"circuit_edges": []}, shown, []) == []


def test_a_layer_alone_has_skip_trigrams():
    shown, _ = of({"cell": "a", "model": Model(1)}, {"cell": "b"})

    def trigram(cell: str, effect: float, **changed) -> dict:
        row = {"cell": cell, "effect": effect, "source": "Ġ>>>", "destination": "Ċ", "out": "Ġ>>>"}
        return row | {"seen": 443, "pairs": 1953, "is_last": True} | changed

    rows = [trigram("a", 1.0, out="x"), trigram("a", 4.0), trigram("b", 9.0), trigram("a", 9.0)]
    rows[3]["is_last"] = False
    (sentence,) = weights.sentences({"circuit_edges": [], "circuit_trigrams": rows}, shown, [])
    assert "after “␣>>>”, and now “↵”, it expects “␣>>>”" in sentence
    assert sentence.endswith("in 443 of 1,953 such places of the text.")
    nothing = {"circuit_edges": [], "circuit_trigrams": []}
    assert weights.sentences(nothing, shown, []) == []
