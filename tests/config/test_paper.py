"""params.paper.yaml says what the paper says (Olsson et al. 2022, Model Details and Data
Collection), and so does a slice of it."""

import sys
from pathlib import Path

import pytest

from induction.config.params import Params
from induction.config.study import Study
from induction.pipeline.environment import run
from induction.pipeline.settings import read_study

PAPER = Path("params.paper.yaml")
SLICE = "docs/examples/paper_slice.py"


@pytest.fixture(scope="module")
def paper() -> Study:
    return read_study(PAPER)


def test_the_twelve_models_are_those_of_the_paper(paper):
    assert not paper.published
    models = [paper.models[cell.model] for cell in paper.cells.values()]
    assert {(model.n_layers, model.mlp) for model in models} == {
        (layers, mlp) for layers in range(1, 7) for mlp in (False, True)
    }
    assert len(models) == 12
    for model in models:
        assert (model.d_model, model.n_heads, model.d_head) == (768, 12, 64)
        assert model.positions == "qk_sinusoidal" and not model.smeared_keys
    assert sum(model.n_layers * model.n_heads for model in models) == 2 * 252


def test_context_batch_and_snapshots_are_those_of_the_paper(paper):
    n_ctx = paper.corpus.n_ctx
    assert (n_ctx, paper.corpus.vocab_size) == (8192, 2**16)
    assert paper.train.batch * n_ctx == 2**20
    assert paper.train.steps(n_ctx) == 10_000
    assert paper.train.schedule(n_ctx) == [*range(0, 10_001, 50)]
    assert paper.train.warmup_steps * 2**20 == pytest.approx(1.5e9, rel=0.001)


def test_the_evaluation_is_that_of_the_paper(paper):
    evaluation = paper.corpus.evaluation
    assert (evaluation.sequences, evaluation.tokens) == (10_000, 512)
    assert (paper.icl.early_point, paper.icl.late_point) == (50, 500)
    assert paper.ablations.sequences == 10_000 and "pattern" in paper.ablations.modes
    assert (paper.heads.sequences, paper.heads.block, paper.heads.repeats) == (10, 25, 4)


def test_what_the_paper_does_not_say_is_as_in_the_study(paper):
    """Rules of claims and phases above all: they were fixed before."""
    ours, theirs = Params().all(), Params(PAPER).all()
    for section in ("icl", "pca", "phases", "claims", "report", "circuits"):
        assert theirs[section] == ours[section], section


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--packages", "--width", "64")])
def test_a_slice_has_two_cells_a_thousandth_of_the_tokens_and_valid_params(options, tmp_path):
    command = [sys.executable, SLICE, *options]
    done = run(command, capture_output=True, text=True, check=True)
    file = tmp_path / "params.yaml"
    file.write_text(done.stdout)
    study, whole = read_study(file), read_study(PAPER)
    assert list(study.cells) == ["attn1_s0", "attn2_s0"]
    assert study.train.tokens == whole.train.tokens // 1000
    # The untrained model, 40 snapshots, and the last step where it is not that of a snapshot.
    assert len(study.train.schedule(study.corpus.n_ctx)) in (41, 42)
    assert study.corpus.evaluation.sequences == 250
    model = study.models["attn2"]
    if options:
        assert (model.d_model, model.n_heads, study.corpus.vocab_size) == (64, 4, 1024)
        assert study.corpus.source == "packages"
    else:
        assert model == whole.models["attn2"]
        assert (study.corpus.n_ctx, study.corpus.vocab_size) == (8192, 2**16)
