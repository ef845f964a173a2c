"""Joint edits of heads: hand-built circuits, naive masks, TransformerLens hooks, set matching."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from induction.config.errors import ParamsError
from induction.config.interventions import InterventionSettings
from induction.config.strict import parse
from induction.interp.attention_scores import after_same_token
from induction.interp.interventions import (
    NO_KIND,
    PATTERNS,
    SETS,
    HeadEdits,
    Rules,
    interventions,
    knocked_out,
    matched_sets,
    random_keys,
    shortage,
    trigram_keys,
)
from induction.interp.losses import token_nll
from induction.interp.probes import repeated_blocks
from induction.models.bridge import bridge
from tests.conftest import BLOCK, REPEATS, V
from tests.interp.test_ablation import CLOSE, hooked_nll, put

RULES = ("knockout", "knockout_random", "previous", "induction", "trigram")
L0H0, L1H0 = (0, 0), (1, 0)


@pytest.fixture
def probe():
    return repeated_blocks(np.random.default_rng(0), np.arange(1, V), 5, BLOCK, REPEATS)


@pytest.fixture
def repetitive() -> torch.Tensor:
    """Few different tokens, so that every rule has something to point at."""
    return torch.randint(0, 6, (3, 40), generator=torch.Generator().manual_seed(2))


def edited(model, tokens, removed=(), rules=None):
    edits = HeadEdits(frozenset(removed), rules or {})
    return token_nll(model, tokens, Rules(tokens, np.random.default_rng(0)).edits(edits))


def under(model, tokens, rules):
    return edited(model, tokens, rules=rules)


def repeats(losses) -> float:
    """Mean loss where the answer has been seen."""
    return losses[:, BLOCK + 1 :].mean().item()


def test_hand_built_circuit_dies_without_either_head_or_its_keys(induction_model, probe):
    whole = repeats(edited(induction_model, probe))
    assert whole < 0.2
    for removed in ({L0H0}, {L1H0}, {L0H0, L1H0}):
        assert repeats(edited(induction_model, probe, removed)) > 2
    assert repeats(under(induction_model, probe, {L1H0: "knockout"})) > 2
    control = repeats(under(induction_model, probe, {L1H0: "knockout_random"}))
    assert control == pytest.approx(whole, abs=0.02)


def test_ideal_patterns_leave_the_hand_built_circuit_as_it_is(induction_model, probe):
    whole = edited(induction_model, probe)
    for rules in (
        {L0H0: "previous"},
        {L1H0: "induction"},
        {L1H0: "trigram"},
        {L0H0: "previous", L1H0: "induction"},
    ):
        got = under(induction_model, probe, rules)
        # From the second repeat on: where nothing has come before, the rule says "first token".
        torch.testing.assert_close(got[:, BLOCK + 1 :], whole[:, BLOCK + 1 :], atol=1e-2, rtol=0)
        assert repeats(got) == pytest.approx(repeats(whole), abs=2e-3)


def test_the_smeared_circuit_is_one_head(smeared_induction_model, probe):
    with torch.no_grad():
        # As built it is so sharp that all other attention is zero in fp32, and rows are kept.
        smeared_induction_model.layers[0].attn.q.weight.mul_(0.25)
    whole = repeats(edited(smeared_induction_model, probe))
    assert repeats(under(smeared_induction_model, probe, {L0H0: "knockout"})) > 2
    got = repeats(under(smeared_induction_model, probe, {L0H0: "induction"}))
    assert got == pytest.approx(whole, abs=2e-3)


@pytest.mark.parametrize(("broken", "rule"), [(L0H0, "previous"), (L1H0, "induction")])
def test_an_ideal_pattern_repairs_a_broken_head(induction_model, probe, broken, rule):
    """Without queries a head looks everywhere alike; what it moves is as it was."""
    whole = repeats(edited(induction_model, probe))
    with torch.no_grad():
        induction_model.layers[broken[0]].attn.q.weight.zero_()
    assert repeats(edited(induction_model, probe)) > 1
    repaired = repeats(under(induction_model, probe, {broken: rule}))
    assert repaired == pytest.approx(whole, abs=2e-3)


def test_the_query_s_context_tells_which_occurrence_is_meant(induction_model):
    """a b x | c b y | a b: both b's are matches, and only the first follows an a."""
    a, b, c, x, y = 1, 2, 3, 4, 5
    tokens = torch.tensor([[0, a, b, x, c, b, y, a, b, x]])
    exact = under(induction_model, tokens, {L1H0: "induction"})[0, -1].item()
    context = under(induction_model, tokens, {L1H0: "trigram"})[0, -1].item()
    assert exact > 0.5, "half of the attention is on y"
    assert context < 0.05


def naive_rules(row: list[int]) -> dict[str, list[set[int]]]:
    """The keys of each rule, query by query."""
    keys = {"targets": [], "previous": [], "induction": [], "trigram": []}
    for i, token in enumerate(row):
        exact = {j + 1 for j in range(i) if row[j] == token}
        context = {k for k in exact if k >= 2 and row[k - 2] == row[i - 1]}
        keys["targets"].append(exact)
        keys["previous"].append({max(i - 1, 0)})
        keys["induction"].append(exact or {0})
        keys["trigram"].append(context or exact or {0})
    return keys


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=3, max_size=16), st.integers(0, 99))
def test_rules_against_their_wording(row, seed):
    tokens = torch.tensor([row])
    rules = Rules(tokens, np.random.default_rng(seed))
    n = len(row) - 1
    by_rule = naive_rules(row[:n])
    pattern = torch.rand(1, n, n, generator=torch.Generator().manual_seed(seed)).tril() + 1e-3
    pattern = pattern.tril() / pattern.tril().sum(-1, keepdim=True)
    for rule in ("previous", "induction", "trigram"):
        got = rules.edit(rule)(pattern)
        for query, keys in enumerate(by_rule[rule]):
            expected = torch.zeros(n)
            expected[list(keys)] = 1 / len(keys)
            torch.testing.assert_close(got[0, query], expected)
    for rule, hidden in (("knockout", rules.targets), ("knockout_random", rules.others)):
        got = rules.edit(rule)(pattern)
        for query in range(n):
            keys = set(hidden[0, query].nonzero()[:, 0].tolist())
            targets, earlier = by_rule["targets"][query], set(range(query + 1))
            if rule == "knockout":
                assert keys == targets
            else:
                assert keys <= earlier - targets
                assert len(keys) == min(len(targets), len(earlier - targets))
            kept = [0 if key in keys else pattern[0, query, key].item() for key in range(n)]
            total = sum(kept)
            expected = [each / total for each in kept] if total else pattern[0, query].tolist()
            torch.testing.assert_close(got[0, query], torch.tensor(expected))


def test_a_row_with_nothing_left_keeps_its_pattern():
    pattern = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.25, 0.75]]])
    hidden = torch.zeros(2, 2, 2, dtype=torch.bool)
    hidden[:, 1, 1] = True
    expected = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])
    torch.testing.assert_close(knocked_out(pattern, hidden), expected)


def test_random_keys_follow_the_seed_and_not_the_batches(repetitive):
    targets = after_same_token(repetitive)

    def draw(seed, size):
        rng = np.random.default_rng(seed)
        return torch.cat([random_keys(rng, each) for each in targets.split(size)])

    assert torch.equal(draw(0, 3), draw(0, 1))
    assert not torch.equal(draw(0, 3), draw(1, 3))


def test_random_keys_are_drawn_evenly():
    """One target for the last of 4 queries: each of the 3 other keys goes a third of the time."""
    targets = torch.zeros(3000, 4, 4, dtype=torch.bool)
    targets[:, 3, 2] = True
    share = random_keys(np.random.default_rng(0), targets)[:, 3].float().mean(0)
    np.testing.assert_allclose(share, [1 / 3, 1 / 3, 0, 1 / 3], atol=0.04)


def test_trigrams_on_a_worked_example():
    """a b a b c b: at the last b, keys 2 and 4 follow a b; neither of those b's follows a c. At
    the second b, key 2 follows the b that follows an a, as the second b does."""
    targets = after_same_token(torch.tensor([[5, 6, 5, 6, 7, 6]]))
    assert targets.nonzero().tolist() == [[0, 2, 1], [0, 3, 2], [0, 5, 2], [0, 5, 4]]
    assert trigram_keys(targets).nonzero().tolist() == [[0, 3, 2]]


def test_joint_sets_against_hooks(any_model, tokens):
    lens = bridge(any_model, "oracle")
    for removed in ([(0, 1), (1, 0), (1, 3)], [(1, 0), (1, 1)], [(0, h) for h in range(4)]):
        hooks = [
            (f"blocks.{layer}.attn.hook_z", put(head, torch.zeros_like)) for layer, head in removed
        ]
        with torch.no_grad():
            expected = hooked_nll(lens, tokens, hooks)
        torch.testing.assert_close(edited(any_model, tokens, removed), expected, **CLOSE)


@pytest.mark.parametrize("rule", RULES)
def test_rules_against_hooks(any_model, repetitive, rule):
    """Two heads of different layers follow the rule, a third is removed."""
    lens, pattern_rules = bridge(any_model, "oracle"), Rules(repetitive, np.random.default_rng(0))

    def follow(head):
        def hook(pattern, hook):
            pattern = pattern.clone()
            old = pattern[:, head]
            if rule.startswith("knockout"):
                hidden = pattern_rules.targets if rule == "knockout" else pattern_rules.others
                new = torch.where(hidden, torch.zeros(()), old)
                pattern[:, head] = new / new.sum(-1, keepdim=True)
                return pattern
            for row, tokens in enumerate(repetitive[:, :-1].tolist()):
                for query, keys in enumerate(naive_rules(tokens)[rule]):
                    pattern[row, head, query] = 0
                    pattern[row, head, query, list(keys)] = 1 / len(keys)
            return pattern

        return hook

    hooks = [(f"blocks.{la}.attn.hook_pattern", follow(head)) for la, head in ((0, 2), (1, 1))]
    hooks.append(("blocks.0.attn.hook_z", put(3, torch.zeros_like)))
    with torch.no_grad():
        expected = hooked_nll(lens, repetitive, hooks)
    got = edited(any_model, repetitive, {(0, 3)}, {(0, 2): rule, (1, 1): rule})
    torch.testing.assert_close(got, expected, **CLOSE)
    assert not torch.allclose(got, edited(any_model, repetitive, {(0, 3)}), atol=1e-3)


def counts(heads) -> dict[int, int]:
    return {layer: sum(each == layer for each, _ in heads) for layer, _ in heads}


KINDS = ("induction", "previous_token", "positional", NO_KIND)
ALL_KINDS = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.sampled_from(KINDS), min_size=3 * n, max_size=3 * n).map(
        lambda kinds: {(i // n, i % n): kind for i, kind in enumerate(kinds)}
    )
)


@settings(deadline=None, max_examples=80)
@given(ALL_KINDS, st.integers(1, 25), st.integers(0, 99))
def test_random_sets_match_layer_by_layer(kinds, draws, seed):
    chosen = frozenset(head for head, kind in kinds.items() if kind == "induction")
    pool = frozenset(head for head, kind in kinds.items() if kind == NO_KIND)
    if not chosen or shortage(chosen, pool):
        return
    sets = matched_sets(chosen, pool, draws, np.random.default_rng(seed))
    assert len(set(sets)) == len(sets) <= draws
    for each in sets:
        assert counts(each) == counts(chosen)
        assert each <= pool
    again = matched_sets(chosen, pool, draws, np.random.default_rng(seed))
    assert sets == again
    more = matched_sets(chosen, pool, 10_000, np.random.default_rng(seed))
    assert len(sets) == min(draws, len(more))
    assert set(sets) <= set(more)


@settings(deadline=None, max_examples=200)
@given(ALL_KINDS, st.integers(1, 25), st.integers(0, 99))
def test_no_head_of_any_kind_is_ever_drawn(kinds, draws, seed):
    """Of whatever kind: an induction head among the stand-ins of previous-token heads once made a
    control lose what the induction head carries. Undefined are exactly the sets that a layer has
    too few heads of no kind for."""
    planned = {each.name: each for each in interventions(kinds, draws, (seed,))}
    for name, of_set in SETS.items():
        drawn = [edits.removed for edits in planned[f"random_{name}"].runs]
        assert {kinds[head] for heads in drawn for head in heads} <= {NO_KIND}
        chosen = counts([head for head, kind in kinds.items() if kind in of_set])
        others = counts([head for head, kind in kinds.items() if kind == NO_KIND])
        enough = all(count <= others.get(layer, 0) for layer, count in chosen.items())
        assert bool(drawn) == bool(chosen and enough)
        assert (planned[f"random_{name}"].reason == "") == bool(drawn)


def heads_of(layer: int, *heads: int) -> frozenset:
    return frozenset((layer, head) for head in heads)


def test_all_sets_are_taken_once_where_there_are_few():
    """Of layer 0, one of three heads of no kind; of layer 1, two of two."""
    chosen, pool = heads_of(0, 1) | heads_of(1, 0, 2), heads_of(0, 0, 2, 3) | heads_of(1, 1, 3)
    sets = matched_sets(chosen, pool, 20, np.random.default_rng(0))
    assert sets == [frozenset({(0, h), (1, 1), (1, 3)}) for h in (0, 2, 3)]


def test_a_control_is_never_made_smaller():
    chosen = heads_of(0, 0) | heads_of(1, 0, 1)
    assert (
        shortage(chosen, heads_of(0, 1, 2, 3) | heads_of(1, 3))
        == "layer 1 has 1 head of no kind, the set has 2"
    )
    assert shortage(chosen, heads_of(1, 2, 3)) == "layer 0 has 0 heads of no kind, the set has 1"
    assert shortage(chosen, heads_of(0, 3) | heads_of(1, 2, 3)) == ""


def test_interventions_of_a_checkpoint():
    kinds = {(0, 0): "previous_token", (0, 1): "other", (0, 2): "other", (0, 3): "positional"}
    kinds |= {(1, 0): "induction", (1, 1): "induction", (1, 2): "induction", (1, 3): "other"}
    planned = {each.name: each for each in interventions(kinds, 20, (0, 1000))}
    names = [
        "none",
        *PATTERNS,
        *(f"{way}_{name}" for way in ("without", "random") for name in SETS),
    ]
    assert list(planned) == sorted(names)
    induction, both = (
        frozenset({(1, 0), (1, 1), (1, 2)}),
        frozenset({(0, 0), (1, 0), (1, 1), (1, 2)}),
    )
    assert [each.removed for each in planned["without_induction"].runs] == [induction]
    assert [each.removed for each in planned["without_both"].runs] == [both]
    assert planned["without_both"].names == "L0H0 L1H0 L1H1 L1H2"
    assert [each.removed for each in planned["random_previous_token"].runs] == [
        frozenset({(0, head)}) for head in (1, 2)
    ], "L0H3 is positional"
    assert planned["random_previous_token"].names == ""
    for name in ("random_induction", "random_both"):
        assert planned[name].runs == []
        assert planned[name].reason == "layer 1 has 1 head of no kind, the set has 3"
    previous, ideal = {(0, 0): "previous"}, dict.fromkeys(induction, "induction")
    assert {name: each.runs[0].rules for name, each in planned.items() if name in PATTERNS} == {
        "knockout": dict.fromkeys(induction, "knockout"),
        "knockout_random": dict.fromkeys(induction, "knockout_random"),
        "ideal_previous": previous,
        "ideal_induction": ideal,
        "ideal_trigram": dict.fromkeys(induction, "trigram"),
        "ideal_both": previous | ideal,
    }
    assert all((each.runs == []) == (each.reason != "") for each in planned.values())


def test_interventions_where_there_is_no_such_head():
    planned = {each.name: each for each in interventions({(0, 0): "other"}, 20, (0, 0))}
    assert [each.name for each in planned.values() if each.runs] == ["none"]
    assert planned["knockout"].reason == "no induction head at this checkpoint"
    assert planned["ideal_both"].reason == "no previous-token or induction head at this checkpoint"
    assert planned["random_previous_token"].reason == "no previous-token head at this checkpoint"


def test_random_sets_differ_between_checkpoints_and_not_between_runs():
    kinds = {(0, h): "induction" if h < 4 else "other" for h in range(12)}

    def drawn(step):
        planned = {each.name: each for each in interventions(kinds, 5, (3, step))}
        return [each.removed for each in planned["random_induction"].runs]

    assert drawn(1) == drawn(1)
    assert all(drawn(one) != drawn(other) for one, other in pairwise((1, 2, 3)))


@pytest.mark.parametrize(("key", "value"), [("every", 0), ("draws", 0), ("sequences", 1)])
def test_settings_that_cannot_be_run_are_refused(key, value):
    fits = {"sequences": 32, "every": 6, "draws": 20, "seed": 0}
    parse(InterventionSettings, fits, "interventions")
    with pytest.raises(ParamsError, match=rf"interventions\.{key}: found {value}"):
        parse(InterventionSettings, fits | {key: value}, "interventions")
