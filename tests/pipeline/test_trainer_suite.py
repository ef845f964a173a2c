"""A run of `transformers.Trainer`, from its output folder to a report, by one entry of `suites`."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    default_data_collator,
)

from induction.text.tokenizer import END_OF_TEXT, train_tokenizer
from tests.project import INDUCTION, Project, english

pytestmark = pytest.mark.slow

CELL, N_CTX, BATCH, STEPS, EVERY = "llama", 128, 8, 150, 30
TOKENS_PER_STEP = BATCH * N_CTX


def train(output: Path, texts: list[str]) -> None:
    """Two layers of Llama on the texts, as anyone would train it: nothing of ours but the BPE."""
    tokenizer = train_tokenizer(texts, 512)
    ids = [i for each in tokenizer.encode_batch(texts) for i in each.ids]
    windows = torch.tensor(ids[: len(ids) // N_CTX * N_CTX]).view(-1, N_CTX)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=N_CTX,
        bos_token_id=None,
        eos_token_id=0,
    )
    arguments = TrainingArguments(
        output_dir=str(output),
        max_steps=STEPS,
        save_steps=EVERY,
        per_device_train_batch_size=BATCH,
        learning_rate=3e-3,
        include_num_input_tokens_seen="all",
        report_to=[],
        use_cpu=True,
        dataloader_pin_memory=False,
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=LlamaForCausalLM(config),
        args=arguments,
        train_dataset=[{"input_ids": window, "labels": window} for window in windows],
        data_collator=default_data_collator,
        processing_class=PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END_OF_TEXT),
    )
    trainer.train()


def with_suite(params: dict) -> dict:
    """The one entry, and its cell; nothing is trained here."""
    params["suites"] = {CELL: {"source": "trainer", "at": "run", "bos": "none"}}
    params["cells"] = {CELL: {"suite": CELL}}
    params["corpus"]["n_ctx"] = params["corpus"]["evaluation"]["tokens"] = N_CTX
    params["icl"] |= {
        "windows": {"early": [10, 20], "late": [116, 126]},
        "early_point": 15,
        "late_point": 120,
    }
    params["heads"] |= {"sequences": 4, "block": 8, "lengths": [8, 16]}
    return params


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("trainer"))
    english(project.folder / "books")
    books = sorted((project.folder / "books").glob("0*.txt"))
    # The model has read what is held out for evaluation, which no test below minds.
    train(project.folder / "run", [book.read_text(encoding="utf-8") for book in books])
    project.edit(with_suite)
    done = project.run(*INDUCTION, "study")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{CELL}: ICL " in done.stdout and f"claim: reports/{CELL}/index.html" in done.stdout
    return project


def table(project: Project, path: str) -> dict[str, np.ndarray]:
    read = pq.read_table(project.folder / "data" / f"{path}.parquet")
    return {name: read[name].to_numpy() for name in read.column_names}


def test_the_run_is_reported(project):
    reports = project.folder / "reports" / CELL
    page = (reports / "index.html").read_text(encoding="utf-8")
    assert CELL in page and f"{TOKENS_PER_STEP:,} tokens" in page
    (metrics,) = json.loads((reports / "metrics.json").read_text())["cells"].values()
    assert np.isfinite(metrics["icl_matched"]) and re.fullmatch(r"L\dH\d", metrics["best_head"])


def test_every_checkpoint_is_measured_with_the_tokens_that_the_trainer_counted(project):
    steps = [*range(EVERY, STEPS + 1, EVERY)]
    fetched = table(project, f"fetch/{CELL}/checkpoints")
    assert fetched["step"].tolist() == steps, "by number, not by name"
    assert fetched["tokens"].tolist() == [step * TOKENS_PER_STEP for step in steps]
    for path in ("losses/{}/losses", "heads/{}/heads", "ablations/{}/ablations", "icl/{}/icl"):
        assert sorted({*table(project, path.format(CELL))["step"].tolist()}) == steps
    curves = table(project, f"phases/{CELL}/phases_curves")
    assert {*curves["step"].tolist()} == {*steps}


def test_it_has_learned_what_the_losses_say(project):
    losses = table(project, f"losses/{CELL}/losses")
    by_step = [losses["loss"][losses["step"] == step].mean() for step in (EVERY, STEPS)]
    assert by_step[1] < by_step[0] < np.log(512)
    state = json.loads((project.folder / f"run/checkpoint-{STEPS}/trainer_state.json").read_text())
    assert state["num_input_tokens_seen"] == STEPS * TOKENS_PER_STEP


def test_a_study_of_suites_alone_joins_no_cells_of_ours(project):
    planned = yaml.safe_load((project.folder / "dvc.yaml").read_text())
    assert [*planned["stages"]] == ["plan", "corpus"] and "vars" not in planned
    assert [path.name for path in (project.folder / "reports").iterdir()] == [CELL]
    shown = project.run(*INDUCTION, "show")
    assert shown.returncode == 0 and CELL in shown.stdout, shown.stderr


def test_nothing_runs_twice_and_nothing_is_wrong(project):
    done = project.run(*INDUCTION, "study")
    assert done.returncode == 0 and "Running stage" not in done.stdout
    done = project.run(*INDUCTION, "verify")
    assert done.returncode == 0, done.stdout
