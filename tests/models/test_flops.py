"""Counted operations against those that torch sees when the code runs."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from induction.cli.bench import ThisThread
from induction.config.heads import HeadSettings
from induction.config.strict import parse
from induction.config.train import TrainSettings
from induction.interp.ablation import ablated_nll, head_outputs
from induction.interp.attention_scores import copying, patterns
from induction.interp.composition import compositions, compositions_by_chance, orientations
from induction.interp.losses import token_nll
from induction.interp.weights import folded, ov_positivity, qk_positivity, qk_trace
from induction.models import attention, flops, muon
from induction.models.flops import Sizes
from induction.models.foreign_architectures import foreign_model
from induction.models.suites.described import describe
from induction.models.training import optimizers, set_gradients
from induction.models.transformer import Transformer
from tests.conftest import KINDS, VOCAB, architecture
from tests.models.suites import made
from tests.project import Project

N_CTX = 150  # more than two blocks of queries
MODES = [("full",), ("pattern",), ("full", "pattern")]
FOREIGN = [kind for kind in made.CONFIGS if kind != "gpt2 mistral"]


def counted(work) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def tokens(length: int, vocab_size: int = VOCAB) -> torch.Tensor:
    return torch.randint(0, vocab_size, (1, length), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=KINDS, ids=list(KINDS))
def model(request) -> Transformer:
    created = Transformer(architecture(**KINDS[request.param]), VOCAB, N_CTX)
    created.init_weights(0)
    return created


def test_what_is_repeated_here_is_what_it_repeats():
    assert flops.BLOCK == attention.BLOCK and flops.MUON_ITERATIONS == muon.ITERATIONS


@pytest.mark.parametrize("length", [3, 64, 65, N_CTX])
def test_a_run(model, length):
    sizes, text = Sizes.of(model.arch, VOCAB), tokens(length)
    assert counted(lambda: token_nll(model, text)) == sizes.forward(length - 1)
    assert counted(lambda: head_outputs(model, text)) == sizes.head_outputs(length - 1)
    assert counted(lambda: patterns(model, text)) == sizes.patterns(length)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_training_step(model, optimizer):
    train = parse(TrainSettings, Project.committed()["train"] | {"optimizer": optimizer}, "train")
    batch = tokens(3 * N_CTX).view(3, N_CTX)

    def step() -> None:
        with ThisThread(torch.device("cpu")) as workers:
            steppers = optimizers(model, train, workers)
            set_gradients(model, batch, batch, workers)
            for stepper in steppers:
                stepper.step()

    sizes = Sizes.of(model.arch, VOCAB)
    assert counted(step) == sizes.step(3, N_CTX, is_muon=optimizer == "muon")


@pytest.mark.parametrize("modes", MODES)
def test_every_head_ablated(model, modes):
    found = counted(lambda: ablated_nll(model, tokens(N_CTX), modes))
    assert found == Sizes.of(model.arch, VOCAB).ablated(N_CTX - 1, modes)


@pytest.mark.parametrize("kind", FOREIGN)
def test_models_of_others(kind, tmp_path):
    """By their config.json; a whole model has as many operations as ours of its sizes."""
    theirs = made.saved(tmp_path / "step1", kind)
    named = made.suite("folder", tmp_path, revision="step{step}")
    described = describe("theirs", named, tmp_path)
    assert described.checkpoints == 1 and described.download == 0
    model, sizes = foreign_model(theirs, made.VOCAB), described.sizes
    length = made.N_CTX - 1
    text = tokens(made.N_CTX, made.VOCAB)
    assert counted(lambda: token_nll(model, text)) == sizes.forward(length)
    for modes in MODES:
        assert counted(lambda modes=modes: ablated_nll(model, text, modes)) == sizes.ablated(
            length, modes
        )


def test_scores_of_heads_nearly(model):
    """Within a tenth: small products of weights are left out."""
    values = Project.committed()["heads"]
    values |= {"sequences": 1, "text_sequences": 1, "block": 8, "repeats": 3, "lengths": [4, 10]}
    settings, sizes = parse(HeadSettings, values, "heads"), Sizes.of(model.arch, VOCAB)
    gap = settings.max_gap
    chance = orientations(settings.chance.draws, sizes.d_model, sizes.d_head, 0)

    def work() -> None:
        for length in (1 + 8 * 3, 1 + 3 * (8 + gap), N_CTX):
            patterns(model, tokens(length))
        for block in settings.lengths:
            token_nll(model, tokens(1 + 3 * block))
            token_nll(model, tokens(1 + 3 * (block + gap)))
        copying(model, tokens(8))
        weights, previous = folded(model), torch.ones(sizes.n_layers, sizes.n_heads)
        ov_positivity(weights), qk_trace(weights, previous), qk_positivity(weights, previous)
        compositions(weights)
        compositions_by_chance(weights, chance, 0.9)

    assert counted(work) == pytest.approx(sizes.head_scores(settings, N_CTX), rel=0.1)
