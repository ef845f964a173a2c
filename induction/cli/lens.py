"""Open a checkpoint in TransformerLens, at a Python prompt."""

import code
from collections.abc import Iterator
from contextlib import contextmanager

import click
import torch
from transformer_lens.model_bridge import TransformerBridge

from induction.config.errors import StageError
from induction.config.paths import SCRATCH
from induction.config.study import Study
from induction.models import checkpoints
from induction.models.bridge import open_in_transformer_lens
from induction.models.suites.loading import quiet
from induction.pipeline import layout
from induction.pipeline.artifacts import CHECKPOINTS, TOKENIZER
from induction.pipeline.settings import read_study
from induction.pipeline.suite_checkpoints import SuiteCheckpoints
from induction.tables.atomic import remove
from induction.tables.corpus import EVAL
from induction.text import evaluation
from induction.text.tokenizer import load_tokenizer

BANNER = """\
{cell}, step {step:,}, in TransformerLens:
  bridge     the model: logits, cache = bridge.run_with_cache(tokens[:1])
  tokens     the evaluation set, [sequence, position]
  tokenizer  text to token ids: tokenizer.encode("text", add_special_tokens=False).ids"""


@click.command
@click.argument("cell")
@click.argument("step", type=int)
def command(cell: str, step: int) -> None:
    """Open a checkpoint in TransformerLens, at a Python prompt.

    CELL is a cell of params.yaml, a model of the study or a suite of foreign checkpoints; STEP one
    of its checkpoints. Weights of a hub are fetched, and removed when the prompt ends.

    What stands on standard input is run: `echo "print(bridge.cfg.n_heads)" | induction lens ...`
    """
    study = read_study()
    if cell not in study.every_cell:
        raise StageError(
            f"CELL: found {cell!r}, expected one of {', '.join(study.every_cell)}; correct it"
        )
    corpus = study.every_cell[cell].corpus_instance
    with opened(study, cell, step) as bridge:
        names = {
            "bridge": bridge,
            "tokens": evaluation.sequences(layout.source_of(EVAL, corpus)),
            "tokenizer": load_tokenizer(layout.source_of(TOKENIZER, corpus)),
            "torch": torch,
        }
        code.interact(BANNER.format(cell=cell, step=step), local=names, exitmsg="")


@contextmanager
def opened(study: Study, cell: str, step: int) -> Iterator[TransformerBridge]:
    """A checkpoint of any cell. Raises StageError if there is no such step."""
    suite = study.suite_of(cell)
    if suite is None:
        paths = checkpoints.listed(layout.source_of(CHECKPOINTS, cell))
        by_step = {checkpoints.step_of(path): path for path in paths}
        check_step(step, [*by_step])
        yield open_in_transformer_lens(by_step[step])
        return
    name = study.every_cell[cell].suite
    of_suite = SuiteCheckpoints(cell, name, suite)
    check_step(step, [*of_suite.revisions])
    folder = SCRATCH / "lens" / f"{cell}-{step}"
    remove(folder)
    try:
        with of_suite.loaded(step) as loaded:
            # From a folder of its own: TransformerLens edits a model that it is given, and asks a
            # hub for a tokenizer that it does not find.
            with quiet():
                loaded.model.save_pretrained(folder)
            text = layout.source_of(TOKENIZER, name).path.read_text(encoding="utf-8")
            (folder / "tokenizer.json").write_text(text, encoding="utf-8")
        with quiet():
            bridge = TransformerBridge.boot_transformers(
                str(folder), device="cpu", dtype=torch.float32
            )
        bridge.eval()
        yield bridge
    finally:
        remove(folder)


def check_step(step: int, steps: list[int]) -> None:
    if step not in steps:
        listed = ", ".join(map(str, steps))
        raise StageError(f"STEP: found {step}, expected one of {listed}; correct it")
