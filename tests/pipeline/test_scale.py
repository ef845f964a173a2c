"""What a params file takes at scale, against numbers worked out by hand."""

from pathlib import Path

import pytest

from induction.pipeline.scale import Gpu, Scale, scale_of
from induction.pipeline.settings import read_study

H100 = Gpu(989e12, 67e12, 0.4)


@pytest.fixture(scope="module")
def paper() -> Scale:
    return scale_of(read_study(Path("params.paper.yaml")))


def test_the_papers_models_take_about_what_six_operations_per_weight_and_token_do(paper):
    tokens, total = 10_485_760_000, 0
    for layers in range(1, 7):
        for mlp in (False, True):
            weights = layers * (4 + 8 * mlp) * 768**2 + 768 * 2**16
            attention = layers * 2 * 768 * 8192 / 2  # a token meets half of the context
            total += 6 * (weights + attention) * tokens
    assert sum(each.training for each in paper.cells) == pytest.approx(total, rel=0.01)


def test_hours_are_operations_at_a_share_of_a_peak(paper):
    training, measuring = paper.cells[0].hours(H100)
    assert training == pytest.approx(paper.cells[0].training / 989e12 / 0.4 / 3600)
    assert measuring == pytest.approx(paper.cells[0].measuring / 67e12 / 0.4 / 3600)


def test_rows_and_bytes_are_those_of_all_cells(paper):
    rows = {each.table: each.rows for each in paper.tables}
    assert rows["losses"] == 12 * 201 * 10_000 * 511
    assert rows["losses_short"] == 12 * 201 * 10_000 * 21
    assert rows["heads"] == 2 * 252 * 201
    weights = sum(
        768 * (layers * (4 + 8 * mlp) * 768 + 2 * 2**16)
        for layers in range(1, 7)
        for mlp in (False, True)
    )
    assert sum(each.checkpoints for each in paper.cells) == 4 * 201 * weights


def test_the_published_run_counts_if_it_is_asked_for():
    study = read_study()
    without, with_it = scale_of(study), scale_of(study, published=True)
    assert {each.cell for each in without.cells} == {*study.cells}
    assert {each.cell for each in with_it.cells} == {*study.every_cell}
    assert with_it.corpora > without.corpora
