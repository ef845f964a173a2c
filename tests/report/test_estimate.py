"""What the published run would take, from made-up seconds and bytes of the study."""

from dataclasses import replace

import pytest

from induction.config.errors import StageError
from induction.config.study import Study
from induction.config.train import TrainLength
from induction.pipeline.settings import study_of
from induction.report import estimate
from tests.project import INDUCTION, PER_CELL, Project

SECONDS, BYTES = 100.0, 1_000_000.0


@pytest.fixture
def study(monkeypatch) -> Study:
    """Whose every stage took as long for each of its cells, and wrote as much."""
    monkeypatch.setattr(estimate, "_seconds", lambda stage, cell: SECONDS)
    monkeypatch.setattr(estimate, "_bytes", lambda stage, cell: BYTES)
    return study_of(Project.committed())


def test_of_the_study_itself_it_gives_what_was_measured(study):
    cells = [*study.cells]
    costs = estimate.estimate(study, cells)
    for stage in PER_CELL:
        assert sum(costs[cell][0][stage] for cell in cells) == pytest.approx(SECONDS * len(cells))
    size = sum(size for _, size in costs.values())
    assert size == pytest.approx(BYTES * len(PER_CELL) * len(cells))


def test_a_longer_training_costs_by_its_tokens_and_checkpoints(study):
    def of(study: Study) -> tuple[dict[str, float], float]:
        return estimate.estimate(study, ["attn2_s3"])["attn2_s3"]

    (long, long_size), (short, short_size) = of(study), of(replace(study, published_train=SAME))
    n_ctx, train, longer = study.corpus.n_ctx, study.train, study.trained_as("attn2_s3")
    steps = longer.steps(n_ctx) / train.steps(n_ctx)
    checkpoints = len(longer.schedule(n_ctx)) / len(train.schedule(n_ctx))
    assert long["train"] / short["train"] == pytest.approx(steps) and steps == 3
    for stage in ("losses", "icl", "heads", "ablations", "interventions"):
        assert long[stage] / short[stage] == pytest.approx(checkpoints) and checkpoints > 1
    assert long["circuits"] == pytest.approx(short["circuits"])
    assert short_size < long_size < checkpoints * short_size + 1


SAME = TrainLength()


def test_deeper_models_and_models_with_mlps_cost_more(study):
    costs = estimate.estimate(study, ["attn1_s3", "attn2_s3", "attn3_s3", "mlp2_s3"])
    totals = {cell: sum(taken.values()) for cell, (taken, _) in costs.items()}
    assert totals["attn1_s3"] < totals["attn2_s3"] < min(totals["attn3_s3"], totals["mlp2_s3"])
    seconds = round(sum(totals.values()))
    assert f"about {seconds / 3600:.1f} hours" in estimate.table(costs)


def test_what_was_not_run_here_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StageError, match=r"times/train@\w+\.json: not found, .*run `make study`"):
        estimate.estimate(study_of(Project.committed()), ["attn2_s3"])


def test_without_a_published_run_there_is_nothing_to_estimate(studied):
    done = studied.run(*INDUCTION, "show", "--estimate")
    assert done.returncode == 1 and "params.yaml: published: found no cells" in done.stderr
