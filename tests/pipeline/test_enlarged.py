"""Enlarged tables: as many checkpoints as asked for, the study's own among them, made once."""

import numpy as np
import pytest

from induction.config.errors import StageError
from induction.pipeline.enlarged import enlarge
from induction.pipeline.layout import source_of
from induction.pipeline.views import Views
from induction.tables.icl import POSITIONS
from induction.tables.losses import LOSSES
from induction.tables.parquet import TableWriter, open_table, read_table
from tests.conftest import provenance_by

STEPS, SEQUENCES, LENGTH = (0, 10, 20, 40), 3, 5
PER_CHECKPOINT = SEQUENCES * LENGTH


@pytest.fixture
def views(tmp_path, monkeypatch) -> Views:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    losses, positions = source_of(LOSSES, "a_s0"), source_of(POSITIONS, "a_s0")
    with TableWriter(LOSSES, losses.path, provenance_by("losses", "a_s0")) as writer:
        for step in STEPS:
            writer.write(
                {
                    "step": np.full(PER_CHECKPOINT, step, np.int32),
                    "seq": np.repeat(np.arange(SEQUENCES, dtype=np.int16), LENGTH),
                    "pos": np.tile(np.arange(LENGTH, dtype=np.int16), SEQUENCES),
                    "loss": rng.random(PER_CHECKPOINT, np.float32),
                }
            )
    with TableWriter(POSITIONS, positions.path, provenance_by("icl", "a_s0")) as writer:
        writer.write(
            {
                "step": np.repeat(np.array(STEPS, np.int32), LENGTH),
                "pos": np.tile(np.arange(LENGTH, dtype=np.int16), len(STEPS)),
                "loss": rng.random(LENGTH * len(STEPS)),
            }
        )
    return {LOSSES: [losses], POSITIONS: [positions]}


def test_the_checkpoints_of_the_study_stay_and_copies_follow_them(views):
    large = enlarge(views, ("losses", "icl"), 10 * PER_CHECKPOINT)
    (source,), (positions,) = large[LOSSES], large[POSITIONS]
    before, after = read_table(LOSSES, views[LOSSES][0]), read_table(LOSSES, source)
    steps = [0, 1, 2, 10, 11, 12, 20, 21, 22, 40]
    assert (
        [*np.unique(after["step"])]
        == steps
        == [*np.unique(read_table(POSITIONS, positions)["step"])]
    )
    kept = np.isin(after["step"], STEPS)
    for name, values in before.items():
        assert np.array_equal(after[name][kept], values)
    first, copy = after["loss"][after["step"] == 10], after["loss"][after["step"] == 11]
    assert not np.array_equal(first, copy) and np.allclose(first, copy, rtol=0.1)
    layouts = [
        open_table(table, some[0]).num_row_groups
        for some, table in ((large[LOSSES], LOSSES), (large[POSITIONS], POSITIONS))
    ]
    assert layouts == [len(steps), 1], "as many row groups per checkpoint as before"


def test_tables_of_other_stages_stay_as_they_are(views):
    large = enlarge(views, ("losses",), 10 * PER_CHECKPOINT)
    assert large[POSITIONS] == views[POSITIONS] and large[LOSSES] != views[LOSSES]


def test_they_are_made_once_and_anew_where_the_study_is_another(views):
    def made() -> int:
        ((source,), _) = enlarge(views, ("losses", "icl"), 10 * PER_CHECKPOINT).values()
        return source.path.stat().st_mtime_ns

    first = made()
    assert made() == first
    path = views[LOSSES][0].path
    path.write_bytes(bytes(path.read_bytes()))
    assert made() > first


def test_checkpoints_too_close_for_so_many_between_them_are_named(views):
    with pytest.raises(StageError, match=r"losses\.parquet: found checkpoints 10 step\(s\) apart"):
        enlarge(views, ("losses", "icl"), 100 * PER_CHECKPOINT)


def test_without_a_study_it_says_how_to_make_one():
    with pytest.raises(StageError, match=r"data/losses: found no losses; .*make study"):
        enlarge({}, ("losses",), 1)
