"""The columns of stage `heads`: rows in the order of the tables, every value at its own key."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from induction.config.errors import ParamsError
from induction.config.heads import HeadSettings, KindThresholds
from induction.config.strict import parse
from induction.interp.attention_scores import (
    copying,
    first_token,
    patterns,
    prefix_matching,
    previous_token,
    same_token_attention,
)
from induction.interp.composition import compositions, orientations, pairs
from induction.interp.head_scores import (
    ATTENTION_SCORES,
    composition_columns,
    head_columns,
    probe_columns,
    repeat_columns,
    scores_of_heads,
    scores_of_sequences,
)
from induction.interp.probes import Probe, distinct_tokens, repeated_blocks
from induction.interp.weights import folded, ov_positivity, qk_positivity, qk_trace, smear_gates
from induction.models.workers import Workers
from induction.tables.heads import COMPOSITIONS, HEADS, PROBES, REPEATS, SCORES
from tests.conftest import BLOCK, V
from tests.conftest import REPEATS as TIMES

THRESHOLDS = KindThresholds(0.3, 0.3, 0.5)


def with_step(columns):
    count = len(next(iter(columns.values())))
    return {"step": np.full(count, 7, np.int32), **columns}


def measured(model):
    """Three fixed probes, standing for all of them, and the tables of heads and probes; the gap
    scores are halved, so that they can be told from the others."""
    tokens = repeated_blocks(np.random.default_rng(0), np.arange(1, V), 3, BLOCK, TIMES)
    probes = dict.fromkeys(("fixed", "gap", "text"), Probe.whole(tokens))
    with Workers(torch.device("cpu")) as workers:
        scores = scores_of_sequences(model, probes, workers)
    scores["prefix_matching_gap"] /= 2
    sample = distinct_tokens(np.random.default_rng(0), np.arange(1, V), 3, BLOCK)
    heads = head_columns(scores_of_heads(model, scores, sample), THRESHOLDS)
    return tokens, heads, probe_columns(scores)


def test_every_score_is_a_column(induction_model):
    attention = dict.fromkeys(ATTENTION_SCORES, torch.ones(1, 2, 2))
    scores = scores_of_heads(induction_model, attention, torch.arange(1, 5)[None])
    assert sorted(scores) == sorted(column.name for column in SCORES)
    assert {score.probe for score in ATTENTION_SCORES.values()} == {"fixed", "gap", "text"}


def test_scores_per_sequence_average_to_those_of_all(any_model):
    tokens, heads, probes = measured(any_model)
    probe = Probe.whole(tokens)
    of_layers = patterns(any_model, tokens)
    for name, score in (
        ("first_token", first_token),
        ("prefix_matching", prefix_matching),
        ("same_token", same_token_attention),
        ("previous_token", previous_token),
    ):
        expected = torch.cat([score(pattern, *probe) for pattern in of_layers]).tolist()
        assert heads[name].tolist() == pytest.approx(expected, abs=1e-6)
    means = probes["prefix_matching"].reshape(-1, 3).mean(1)
    assert heads["prefix_matching"].tolist() == pytest.approx(means.tolist(), abs=1e-6)
    halves = heads["prefix_matching"] / 2
    assert heads["prefix_matching_gap"].tolist() == pytest.approx(halves.tolist(), abs=1e-6)


def test_every_table_keeps_its_contract(any_model):
    _, heads, probes = measured(any_model)
    HEADS.batch(with_step(heads))
    PROBES.batch(with_step(probes))
    arch = any_model.arch
    cosines = orientations(100, arch.d_model, arch.d_head, 0)
    batch, _ = COMPOSITIONS.batch(with_step(composition_columns(folded(any_model), cosines, 0.975)))
    assert batch.num_rows == len(pairs(arch.n_layers, arch.n_heads))
    assert isinstance(HEADS.batch(with_step(heads))[0], pa.RecordBatch)


def test_every_score_stands_in_its_own_column(any_model):
    tokens, heads, _ = measured(any_model)
    weights = folded(any_model)
    previous = torch.stack([previous_token(pattern) for pattern in patterns(any_model, tokens)])
    sample = distinct_tokens(np.random.default_rng(0), np.arange(1, V), 3, BLOCK)
    for name, expected in (
        ("copying", copying(any_model, sample).ratio),
        ("copying_share", copying(any_model, sample).share),
        ("ov_positivity", ov_positivity(weights)),
        ("qk_trace", qk_trace(weights, previous)),
        ("qk_positivity", qk_positivity(weights, previous)),
        ("smear_gate", smear_gates(any_model)),
    ):
        assert heads[name].tolist() == pytest.approx(
            expected.flatten().tolist(), abs=1e-6, nan_ok=True
        )


def test_null_is_where_it_is_said_to_be(any_model):
    _, heads, _ = measured(any_model)
    for name in ("qk_trace", "qk_positivity"):
        assert (np.isnan(heads[name]) == (heads["layer"] == 0)).all()
    assert (np.isnan(heads["smear_gate"]) == (not any_model.arch.smeared_keys)).all()


def test_hand_built_heads_are_named_at_their_keys(induction_model):
    _, heads, _ = measured(induction_model)
    named = dict(zip(zip(heads["layer"], heads["head"], strict=True), heads["kind"], strict=True))
    assert named == {
        (0, 0): "previous_token",
        (0, 1): "other",
        (1, 0): "induction",
        (1, 1): "other",
    }


def test_compositions_stand_at_their_keys(induction_model):
    arch, weights = induction_model.arch, folded(induction_model)
    cosines = orientations(100, arch.d_model, arch.d_head, 0)
    columns = composition_columns(weights, cosines, 0.975)
    best = int(columns["k"].argmax())
    names = ("layer", "head", "from_layer", "from_head")
    assert [int(columns[name][best]) for name in names] == [1, 0, 0, 0]
    assert columns["k"][best] > 2 * columns["k_high"][best] > 2 * columns["k_random"][best] > 0
    assert columns["k"].tolist() == pytest.approx(compositions(weights)["k"].tolist())


def test_one_layer_composes_with_none(smeared_induction_model):
    arch = smeared_induction_model.arch
    cosines = orientations(100, arch.d_model, arch.d_head, 0)
    columns = composition_columns(folded(smeared_induction_model), cosines, 0.975)
    assert set(columns) == {column.name for column in COMPOSITIONS.columns} - {"step"}
    assert all(len(values) == 0 for values in columns.values())


def test_repeats_stand_at_their_keys():
    losses = {
        (probe, block): torch.tensor(
            [[10.0 * block + 2 * seq + r for r in (0, 1)] for seq in (0, 1)]
        )
        for probe in ("gap", "fixed")
        for block in (5, 3)
    }
    columns = repeat_columns(losses)
    REPEATS.batch(with_step(columns))
    assert columns["probe"] == ["fixed"] * 8 + ["gap"] * 8
    expected = 10.0 * columns["block"] + 2 * columns["seq"] + columns["repeat"]
    assert columns["loss"].tolist() == expected.tolist()


GOOD = {
    "sequences": 10,
    "block": 25,
    "repeats": 4,
    "lengths": [10, 25, 50, 100],
    "exclude_share": 0.04,
    "max_gap": 15,
    "text_sequences": 8,
    "seed": 0,
    "kinds": {"induction": 0.3, "previous_token": 0.3, "shortcut": 0.5},
    "chance": {"draws": 200, "quantile": 0.975},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lengths": []}, r"heads\.lengths: found \[\], expected at least one"),
        ({"lengths": [10, 10]}, r"heads\.lengths: found \[10, 10\]"),
        ({"lengths": [1, 10]}, r"heads\.lengths: found \[1, 10\]"),
        ({"lengths": [10, 40_000]}, r"heads\.lengths: found"),
        ({"kinds": GOOD["kinds"] | {"induction": 1.1}}, r"heads\.kinds\.induction: found 1\.1"),
        ({"kinds": GOOD["kinds"] | {"shortcut": -0.1}}, r"heads\.kinds\.shortcut"),
        ({"kinds": GOOD["kinds"] | {"previous_token": 2}}, r"heads\.kinds\.previous_token"),
        ({"chance": {"draws": 10, "quantile": 0.9}}, r"heads\.chance\.draws: found 10"),
        ({"chance": {"draws": 100, "quantile": 1.2}}, r"heads\.chance\.quantile: found 1\.2"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ParamsError, match=message):
        parse(HeadSettings, GOOD | changes, "heads")


@pytest.mark.parametrize(
    ("changes", "n_ctx", "vocab_size", "message"),
    [
        ({}, 460, 512, r"heads\.lengths: found .*at most corpus\.n_ctx = 460 tokens, got 461"),
        ({"repeats": 40}, 512, 512, r"heads\.repeats: found 40"),
        ({"lengths": [10, 50]}, 512, 60, r"heads\.lengths: .*at most half of the 54 usable"),
        ({"lengths": [10]}, 512, 40, r"heads\.block: found 25.*at most half of the 35 usable"),
    ],
)
def test_probes_that_cannot_be_are_named(changes, n_ctx, vocab_size, message):
    heads = parse(HeadSettings, GOOD | changes, "heads")
    with pytest.raises(ParamsError, match=message):
        heads.check_fits("heads", n_ctx, vocab_size)
    parse(HeadSettings, GOOD, "heads").check_fits("heads", 461, 512)
