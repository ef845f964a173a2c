"""What is said of smeared keys."""

from induction.report import smearing
from tests.report.madeup_findings import Model, of

THRESHOLD = 0.3
PLAIN, SMEARED = Model(2), Model(2, smeared_keys=True)


def heads(cell: str, **scores: list[float]) -> list[dict]:
    """A row per head and checkpoint, a million tokens apart."""
    return [
        {"cell": cell, "name": name, "layer": int(name[1]), "tokens": i * 1_000_000}
        | {"prefix_matching": value}
        for name, values in scores.items()
        for i, value in enumerate(values)
    ]


FADING = {"L0H2": [0.0, 0.6, 0.3, 0.1], "L1H1": [0.0, 0.2, 0.7, 0.8]}


def test_a_first_layer_that_matches_first_and_fades_takes_turns_with_the_next():
    turn = smearing.takes_turns("a", heads("a", **FADING), THRESHOLD)
    assert turn == smearing.Turn("L0H2", 1_000_000, 0.6, 0.1, "L1H1", 0.8, 1_000_000, 2_000_000)


def test_which_layer_matches_first_is_said_as_it_is():
    def said(**changed: list[float]) -> str:
        shown, _ = of({"cell": "s", "model": SMEARED})
        (sentence,) = smearing.sentences(shown, heads("s", **FADING | changed), THRESHOLD)
        return sentence

    assert "Heads of the first layer match prefixes first:" in said()
    assert "match prefixes as early as those of the next:" in said(L1H1=[0.0, 0.4, 0.7, 0.8])
    assert "match prefixes soon after those of the next:" in said(L1H1=[0.4, 0.4, 0.7, 0.8])


def test_a_first_layer_that_stays_or_never_matched_does_not():
    for first in ([0.0, 0.6, 0.6, 0.5], [0.0, 0.2, 0.2, 0.0], [0.0, 0.9, 0.9, 0.5]):
        rows = heads("a", **FADING | {"L0H2": first})
        assert smearing.takes_turns("a", rows, THRESHOLD) is None
    assert smearing.takes_turns("a", heads("a", L0H2=[0.0, 0.6, 0.1]), THRESHOLD) is None


def test_models_with_smeared_keys_are_held_against_those_without():
    shown, _ = of(
        {"cell": "attn", "model": PLAIN, "window": (1_000_000, 3_000_000)},
        {"cell": "smear", "model": SMEARED, "window": (500_000, 1_000_000)},
    )
    rows = [*heads("attn", L0H0=[0.0], L1H0=[0.0]), *heads("smear", **FADING)]
    earlier, stages = smearing.sentences(shown, rows, THRESHOLD)
    assert earlier == (
        "Two-layer models with smeared keys change earlier than two-layer attention-only models: "
        "the window begins at 0.50 million tokens, instead of 1.00, and ends at 1.00, instead of "
        "3.00."
    )
    assert "Heads of the first layer match prefixes first: L0H2 does so with 0.60" in stages
    assert "to 0.10 at the end, while L1H1, in a later layer, takes over and ends at 0.80" in stages


def test_that_they_do_not_change_is_said_too():
    still = {"changes": False, "icl": -0.1}
    plain, smeared = {"cell": "p", "model": PLAIN}, {"cell": "s", "model": SMEARED}
    rows = heads("s", L0H0=[0.0], L1H0=[0.0])

    def said(*cells: dict) -> str:
        (sentence,) = smearing.sentences(of(*cells)[0], rows, THRESHOLD)
        return sentence

    assert "go through the change, two-layer attention-only models do not" in said(
        plain | still, smeared
    )
    assert "do not change, though two-layer attention-only models do" in said(
        plain, smeared | still
    )
    assert said(plain | still, smeared | still).startswith("Neither two-layer models with smeared")
    late = said(plain, smeared | {"window": (5_000_000, 6_000_000)})
    assert "change not earlier than" in late
    assert smearing.sentences(of(plain)[0], rows, THRESHOLD) == []
