"""One training step: its gradients, its data, its rates."""

import itertools
import json
import os
import shutil
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from induction.cli.bench import ThisThread
from induction.config.errors import ParamsError
from induction.config.train import CheckpointSpacing, TrainSettings
from induction.models.muon import CpuMuon
from induction.models.training import (
    Trainer,
    TrainingWindows,
    WarmUp,
    optimizers,
    periodic,
    set_gradients,
    shuffled,
    summed_loss,
)
from induction.models.transformer import Transformer
from induction.models.workers import Workers
from induction.pipeline.environment import run
from tests.conftest import KINDS, N_CTX, VOCAB, random_model
from tests.project import ROOT

TRAIN = TrainSettings(
    tokens=1000,
    batch=4,
    micro_batch=4,
    compile=False,
    text="stream",
    shuffle_span=1,
    period=5,
    optimizer="muon",
    muon_lr=0.02,
    muon_momentum=0.95,
    adamw_lr=0.01,
    adamw_beta1=0.9,
    adamw_beta2=0.98,
    weight_decay=0.1,
    warmup_steps=5,
    clip_norm=1.0,
    checkpoints=(CheckpointSpacing(until=1000, every=100),),
)


@pytest.fixture
def workers():
    threads = torch.get_num_threads()
    with Workers(torch.device("cpu")) as workers:
        yield workers
    torch.set_num_threads(threads)


def gradients(model: Transformer) -> list[torch.Tensor]:
    return [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]


def test_gradients_are_those_of_the_mean_loss(any_model, tokens, workers):
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    loss = set_gradients(any_model, inputs, targets, workers)
    got = gradients(any_model)
    any_model.zero_grad()
    wanted = F.cross_entropy(any_model(inputs).flatten(0, 1), targets.flatten())
    wanted.backward()
    assert loss == pytest.approx(wanted.item(), abs=1e-5)
    for weight, gradient in zip(any_model.parameters(), got, strict=True):
        torch.testing.assert_close(gradient, weight.grad, atol=1e-6, rtol=1e-4)


def test_bits_do_not_depend_on_the_number_of_cores(tokens):
    threads = torch.get_num_threads()
    results = []
    for count in (1, 3):
        torch.set_num_threads(count)
        model = random_model()
        with Workers(torch.device("cpu")) as workers:
            loss = set_gradients(model, tokens[:, :-1], tokens[:, 1:], workers)
        results.append((loss, gradients(model)))
    torch.set_num_threads(threads)
    assert results[0][0] == results[1][0]
    assert all(torch.equal(a, b) for a, b in zip(results[0][1], results[1][1], strict=True))


def test_gradients_are_sums_in_order_whoever_is_done_first(any_model, tokens):
    """Bit for bit: sequence by sequence in one thread, against threads that overtake each other."""
    whole = torch.cat([tokens] * 3)
    inputs, targets = whole[:, :-1], whole[:, 1:]
    delays = itertools.cycle([0.02, 0.01, 0])

    def delayed(*arguments):
        time.sleep(next(delays))
        return summed_loss(*arguments)

    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    with Workers(torch.device("cpu")) as workers:
        loss = set_gradients(any_model, inputs, targets, workers, summed_loss=delayed)
    got, weights = gradients(any_model), list(any_model.parameters())
    means = [
        summed_loss(any_model, *shard, False) / inputs.numel()
        for shard in zip(inputs.split(1), targets.split(1), strict=True)
    ]
    each = [torch.autograd.grad(mean, weights) for mean in means]
    torch.set_num_threads(threads)
    assert loss.item() == sum(mean.item() for mean in means)
    for gradient, parts in zip(got, zip(*each, strict=True), strict=True):
        assert torch.equal(gradient, sum(parts[1:], start=parts[0]))


@pytest.mark.parametrize("micro_batch", [None, 3, 1])
def test_the_way_of_a_gpu_is_close(micro_batch, tokens, workers):
    """The batch at once, or in parts that are added up, under bf16 autocast; here on the CPU."""
    model = random_model()
    exact = set_gradients(model, tokens[:, :-1], tokens[:, 1:], workers).item()
    expected = gradients(model)
    workers.on_gpu, sizes = True, []

    def noted(model, tokens, *more):
        sizes.append(len(tokens))
        return summed_loss(model, tokens, *more)

    loss = set_gradients(model, tokens[:, :-1], tokens[:, 1:], workers, micro_batch, noted)
    assert sizes == ([3] if micro_batch != 1 else [1, 1, 1])
    assert loss.item() == pytest.approx(exact, rel=0.01)
    for bf16, fp32 in zip(gradients(model), expected, strict=True):
        assert bf16.dtype == torch.float32
        assert F.cosine_similarity(bf16.flatten(), fp32.flatten(), dim=0) > 0.99


class NothingRead(TorchDispatchMode):
    """Fails where a value leaves the device, for which the processor would wait for a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func is not torch.ops.aten._local_scalar_dense.default, "a value was read"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_step_of_a_gpu_waits_for_nothing(optimizer):
    windows = TrainingWindows(np.arange(2000, dtype=np.uint16) % VOCAB, n_ctx=20, batch=4, seed=0)
    train = replace(TRAIN, optimizer=optimizer, micro_batch=2)
    with ThisThread(torch.device("cpu")) as workers:
        workers.on_gpu = True
        trainer = Trainer(random_model(), windows, train, workers)
        with NothingRead():
            update = trainer.advance()
            trainer.advance()
            with pytest.raises(AssertionError, match="a value was read"):
                update.loss.item()


# In a process of its own: torch cannot compile functions whose shapes the tests check.
COMPILED = """
import json, os, sys
from dataclasses import replace
import numpy as np
import torch
from induction.models.training import Trainer, TrainingWindows
from induction.models.workers import Workers
from tests.conftest import VOCAB, random_model
from tests.models.test_training import TRAIN
os.environ["TORCHINDUCTOR_CACHE_DIR"] = sys.argv[1]
windows = TrainingWindows(np.arange(2000, dtype=np.uint16) % VOCAB, n_ctx=20, batch=4, seed=0)
with Workers(torch.device("cpu")) as workers:
    for workers.on_gpu in (False, True):
        for compile in (False, True):
            train = replace(TRAIN, compile=compile)
            trainer = Trainer(random_model(n_layers=1), windows, train, workers)
            print(json.dumps([trainer.advance().loss.item() for _ in range(3)]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which(os.environ.get("CXX", "g++")), reason="no compiler")
def test_a_compiled_training_is_close(tmp_path):
    alone = {"PYTHONPATH": str(ROOT), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    command = [sys.executable, "-c", COMPILED, str(tmp_path)]
    done = run(command, alone, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plain, compiled, bf16, compiled_bf16 = map(json.loads, done.stdout.splitlines())
    assert compiled == pytest.approx(plain, abs=1e-5) and compiled != plain
    assert compiled_bf16 == pytest.approx(bf16, abs=0.01), "it rounds less often"
    assert any(tmp_path.rglob("*.so")), "code was compiled"


def test_where_there_is_no_compiler_it_is_said(workers, monkeypatch):
    windows = TrainingWindows(np.arange(2000, dtype=np.uint16) % VOCAB, n_ctx=20, batch=4, seed=0)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ParamsError, match=r"train\.compile: found True.*no compiler no-such-comp"):
        Trainer(random_model(), windows, replace(TRAIN, compile=True), workers)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_training_lowers_the_loss(optimizer, workers):
    """On a stream of one repeated phrase, and step by step as the log will say."""
    stream = np.tile(np.arange(7, 17, dtype=np.uint16), 1000)
    windows = TrainingWindows(stream, n_ctx=20, batch=4, seed=0)
    train = replace(TRAIN, optimizer=optimizer)
    trainer = Trainer(random_model(), windows, train, workers)
    updates = [trainer.advance() for _ in range(40)]
    assert [update.step for update in updates] == list(range(1, 41))
    assert updates[0].learning_rate == pytest.approx(0.002)
    assert updates[-1].loss < 0.2 * updates[0].loss


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("start", [0, 1, 3, 8])
def test_a_trainer_that_takes_up_a_state_goes_on_with_the_same_bits(optimizer, start, workers):
    """Within the warm-up and after it, whatever the model was before."""
    windows = TrainingWindows(np.arange(2000, dtype=np.uint16) % VOCAB, n_ctx=20, batch=4, seed=0)
    train = replace(TRAIN, optimizer=optimizer)
    first = Trainer(random_model(), windows, train, workers)
    updates = [first.advance() for _ in range(start)]
    state = {name: value.clone() for name, value in first.state().items()}
    updates += [first.advance() for _ in range(12 - start)]
    torch.manual_seed(1)
    second = Trainer(Transformer(first.model.arch, VOCAB, N_CTX), windows, train, workers)
    second.restore(start, state)
    assert [second.advance() for _ in range(12 - start)] == updates[start:]
    assert second.step == 12
    ends = first.state(), second.state()
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_every_weight_has_one_optimiser(kind, optimizer, workers):
    """And weight decay acts on matrices only."""
    model = random_model(**KINDS[kind])
    seen = []
    for stepper in optimizers(model, replace(TRAIN, optimizer=optimizer), workers):
        for group in stepper.param_groups:
            seen += group["params"]
            for weight in group["params"]:
                assert (group["weight_decay"] > 0) == (weight.ndim == 2)
                if isinstance(stepper, CpuMuon):
                    assert weight is not model.tok_embed.weight
                    assert weight is not model.head.weight
    assert len(seen) == len(set(map(id, seen))) == len(list(model.parameters()))


def test_warm_up_rises_then_stays(workers):
    steppers = optimizers(random_model(), TRAIN, workers)
    warmup = WarmUp(steppers, TRAIN.warmup_steps)
    rates = [warmup.set(step) for step in range(1, 9)]
    assert rates == pytest.approx([0.002, 0.004, 0.006, 0.008, 0.01, 0.01, 0.01, 0.01])
    assert steppers[1].param_groups[0]["lr"] == pytest.approx(TRAIN.muon_lr)


def test_no_window_is_read_twice_and_targets_follow():
    stream = np.arange(1000, dtype=np.uint16)
    windows = TrainingWindows(stream, n_ctx=9, batch=4, seed=0)
    seen = []
    for step in range(1, windows.steps + 1):
        tokens, targets = windows[step]
        assert tokens.shape == (4, 9)
        assert torch.equal(targets, tokens + 1), "the stream counts up, so targets are tokens + 1"
        seen += tokens.flatten().tolist()
    assert len(seen) == len(set(seen)) == windows.steps * 36
    again = TrainingWindows(stream, n_ctx=9, batch=4, seed=0)
    other = TrainingWindows(stream, n_ctx=9, batch=4, seed=1)
    assert torch.equal(windows[3][0], again[3][0])
    assert not torch.equal(windows[3][0], other[3][0])


@pytest.mark.parametrize("span", [1, 8])
def test_shuffled_text_keeps_its_tokens_and_nothing_beyond_a_span(span):
    stream = np.arange(1000, dtype=np.uint16)
    mixed = shuffled(stream, span, seed=0)
    assert sorted(mixed) == list(range(1000 // span * span))
    spans = mixed.reshape(-1, span)
    assert (np.diff(spans, axis=1) == 1).all()
    follows = spans[1:, 0] == spans[:-1, -1] + 1
    assert follows.mean() < 0.05, "neighbouring spans are strangers"
    assert np.array_equal(mixed, shuffled(stream, span, seed=0))
    assert not np.array_equal(mixed, shuffled(stream, span, seed=1))


def test_periodic_rows_repeat_their_own_block_of_uniform_tokens():
    rows = periodic(vocab_size=9, period=5, length=23, batch=400, seed=0)
    assert rows.shape == (400, 23)
    assert np.array_equal(rows[:, 5:], rows[:, :-5])
    counts = np.bincount(rows[:, :5].flatten(), minlength=9)
    assert len(counts) == 9 and np.ptp(counts) < 0.4 * counts.mean()
    assert len(np.unique(rows[:, :5], axis=0)) > 390


def test_periodic_windows_are_new_at_every_step_and_the_same_for_a_seed():
    stream = np.arange(1000, dtype=np.uint16) % VOCAB
    windows = TrainingWindows(stream, n_ctx=20, batch=4, seed=3, period=6)
    tokens, targets = windows[1]
    assert torch.equal(tokens[:, 1:], targets[:, :-1])
    assert torch.equal(tokens[:, 6:], tokens[:, :-6])
    assert not torch.equal(tokens, windows[2][0])
    assert torch.equal(tokens, TrainingWindows(stream, 20, 4, 3, period=6)[1][0])
    assert not torch.equal(tokens, TrainingWindows(stream, 20, 4, 4, period=6)[1][0])
    assert tokens.max() < VOCAB


def test_schedule_holds_both_ends_and_the_stretches():
    train = replace(
        TRAIN,
        tokens=1000,
        batch=2,
        micro_batch=2,
        checkpoints=(CheckpointSpacing(200, 50), CheckpointSpacing(1000, 400)),
    )
    assert train.steps(n_ctx=5) == 100
    assert train.schedule(n_ctx=5) == [0, 5, 10, 15, 20, 60, 100]
    assert replace(train, tokens=999).steps(n_ctx=5) == 100
    assert replace(train, tokens=150).schedule(n_ctx=5) == [0, 5, 10, 15]
