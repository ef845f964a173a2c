"""Training as a stage: stopped by SIGTERM, diverged, not taken up, and what it says of that."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from induction.config.errors import StageError
from induction.models.other_states import differences
from induction.models.training import Trainer, TrainingWindows
from induction.models.training_log import TrainingLog
from induction.models.training_state import INPUTS, STATE, TrainingState, step_of
from induction.models.workers import Workers
from stages.train import advance, weight_code
from tests.conftest import VOCAB, provenance_by, random_model
from tests.models.test_training import TRAIN
from tests.project import ROOT

STEPS, SCHEDULE = 12, [0, 4, 8, 12]
MADE_WITH = {"code": "0", "device": "cpu", "stream": "1", "train": {"batch": 4, "muon_lr": 0.02}}


@pytest.fixture(autouse=True)
def workers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    with Workers(torch.device("cpu")) as workers:
        yield workers
    torch.set_num_threads(threads)


def trainer(workers: Workers) -> Trainer:
    windows = TrainingWindows(np.arange(2000, dtype=np.uint16) % VOCAB, n_ctx=20, batch=4, seed=0)
    return Trainer(random_model(), windows, replace(TRAIN, micro_batch=2), workers)


def trained(
    trainer: Trainer, cell: str = "attn_s0", made_with: dict = MADE_WITH
) -> tuple[TrainingLog, TrainingState]:
    state = TrainingState(cell, made_with)
    label = SimpleNamespace(label=f"train@{cell}", instance=cell)
    label.provenance = provenance_by("train", "attn_s0")
    return advance(trainer, state, STEPS, SCHEDULE, label), state  # type: ignore[arg-type]


def after(trainer: Trainer, step: int, work) -> Trainer:
    """A trainer that does some work at the end of a step, before it says that this is done."""
    plain = trainer.advance

    def advance():
        update = plain()
        return work(update) if update.step == step else update

    trainer.advance = advance
    return trainer


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("on_gpu", [False, True], ids=["CPU", "as on a GPU"])
@pytest.mark.parametrize("step", [1, 6, 8, STEPS])
def test_sigterm_keeps_the_step_at_hand_and_nothing_is_lost(step, on_gpu, workers, capsys):
    def terminated(update):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        return update

    workers.on_gpu = on_gpu
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        trained(after(trainer(workers), step, terminated), "attn_s0")
    assert signal.getsignal(signal.SIGTERM) == before
    (folder,) = Path(".scratch/train").iterdir()
    assert step_of(folder) == step
    assert f"train@attn_s0: SIGTERM: kept at step {step}" in capsys.readouterr().err
    steps: list[int] = []
    resumed = trainer(workers)
    plain = resumed.advance
    resumed.advance = lambda: steps.append(resumed.step + 1) or plain()
    log, state = trained(resumed)
    assert steps == list(range(step + 1, STEPS + 1)), "no step is taken twice"
    undisturbed, other = trained(trainer(workers), "attn_s1")
    assert files(state.folder).keys() == {INPUTS, STATE} | {
        f"step_{n:06d}.safetensors" for n in SCHEDULE
    }
    assert files(state.folder) == files(other.folder)
    columns = log.columns(), undisturbed.columns()
    assert all(np.array_equal(columns[0][name], columns[1][name]) for name in columns[0])


@pytest.mark.parametrize("on_gpu", [False, True], ids=["CPU", "as on a GPU"])
def test_a_training_that_diverges_leaves_nothing_of_it(on_gpu, workers):
    """On a GPU its loss is read with the next checkpoint; the step that is named is the same."""
    workers.on_gpu = on_gpu

    def nan(update):
        return update._replace(loss=update.loss * torch.nan)

    with pytest.raises(StageError, match=r"diverged at step 7 of 12: loss nan, .*train\.muon_lr"):
        trained(after(trainer(workers), 7, nan))
    (folder,) = Path(".scratch/train").iterdir()
    assert step_of(folder) == 4
    assert not (folder / "step_000008.safetensors").exists()


def said(capsys) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if "step" in line]
    assert len(lines) < 2
    return "".join(lines)


def test_why_a_state_is_not_taken_up_is_said(workers, capsys):
    trained(trainer(workers))
    assert said(capsys) == "", "there was none"
    trained(trainer(workers), "attn2_s0", {**MADE_WITH, "device": "another"})
    assert said(capsys) == "", "of another cell"
    trained(trainer(workers), made_with={**MADE_WITH, "device": "cuda (H100)"})
    begin = "train@attn_s0: starts from step 0: the state at step 12 "
    assert said(capsys) == f"{begin}was made with device 'cpu', not 'cuda (H100)'"
    trained(trainer(workers))
    assert said(capsys) == "train@attn_s0: goes on from step 12 of 12"


def test_the_most_similar_of_several_states_is_named(workers, capsys):
    """And at most three differences; of a hash that it is another."""
    trained(trainer(workers))
    trained(trainer(workers), made_with={**MADE_WITH, "code": "2", "stream": "2"})
    capsys.readouterr()
    train = {"batch": 4, "muon_lr": 0.01}
    trained(trainer(workers), made_with={**MADE_WITH, "code": "2", "train": train})
    assert said(capsys).endswith("was made with other code, train.muon_lr 0.02, not 0.01")
    now = {"code": "9", "device": 9, "stream": "9", "train.batch": 9}
    before = {"code": "0", "device": 0, "stream": "1", "train.compile": False}
    texts = ["other code", "device 0, not 9", "another training text"]
    assert differences(before, now)[:3] == texts
    assert differences(before, now)[3:] == [
        "train.batch None, not 9",
        "train.compile False, not None",
    ]


def test_a_checkpoint_that_was_not_kept_is_named(workers, capsys):
    _, state = trained(trainer(workers))
    state.checkpoint(8).unlink()
    trained(trainer(workers))
    assert said(capsys).endswith(
        "the state at step 12 lacks the checkpoint of step 8, now asked for"
    )


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"code": "0"}'])
def test_what_cannot_be_read_is_no_reason_to_stop(damage, workers, capsys):
    _, state = trained(trainer(workers))
    (state.folder / INPUTS).write_text(damage)
    trained(trainer(workers), made_with={**MADE_WITH, "code": "2"})
    capsys.readouterr()
    shutil.copy(state.folder / INPUTS, state.folder / STATE)
    assert step_of(state.folder) is None
    _, again = trained(trainer(workers))
    assert step_of(again.folder) == STEPS


def test_code_of_messages_decides_about_no_weights(monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {path.as_posix() for path in weight_code()}
    assert {"induction/models/training_log.py", "induction/models/compiling.py"} <= names
    assert "induction/models/other_states.py" not in names
