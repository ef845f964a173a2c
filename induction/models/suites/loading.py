"""A checkpoint as a model of transformers: exactly what is stored, or refused in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from induction.config.errors import StageError, visible
from induction.models.suites.architectures import MODELS, read_config
from induction.models.suites.files import Pickle
from induction.models.suites.nanogpt import as_gpt2, read_nanogpt
from induction.models.suites.tensors import Tensors, check_values, digest, dtypes, read_tensors


@dataclass(frozen=True)
class Loaded:
    """A model in float32 that is neither trained nor random in anything.

    dtype    of the weights as they were stored; all of them, if they are several
    sha256   over the names, types, shapes and bytes of the weights as they were stored
    """

    model: PreTrainedModel
    dtype: str
    sha256: str


def load(path: Path, where: str, pickle: Pickle) -> Loaded:
    """The checkpoint in a folder with config.json, or in a file of nanoGPT.

    `where` begins each error. Raises StageError where the model would not be that which was
    trained: another architecture, code or settings that are not supported, and weights that are
    damaged, missing, left over, of other shapes, or not finite.
    """
    with quiet():
        return _load(path, where, pickle)


def _load(path: Path, where: str, pickle: Pickle) -> Loaded:
    if path.is_file():
        config, tensors = read_nanogpt(path, where, pickle)
        kind, named = MODELS["gpt2"], as_gpt2(tensors, config)
    else:
        with quiet():  # of token ids that its config should not name, say, which nothing reads here
            kind, config = read_config(path, where)
        named = tensors = read_tensors(path, where, pickle)
    check_values(tensors, where)
    model = _model(kind, config, named, where)
    return Loaded(model, dtypes(tensors), digest(tensors))


def _model(
    kind: type[PreTrainedModel], config: PreTrainedConfig, tensors: Tensors, where: str
) -> PreTrainedModel:
    try:
        # From tensors alone, transformers looks for no other file and asks no hub.
        loaded: Any = kind.from_pretrained(
            None,
            config=config,
            state_dict=tensors,
            dtype=torch.float32,
            attn_implementation="eager",
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
        )
    except Exception as error:  # of sizes that do not go together, say
        said = visible(" ".join(str(error).split()), 200)
        raise StageError(
            f"{where}: {kind.__name__} cannot be made of its settings and weights ({said}); "
            "correct its config.json"
        ) from None
    model, report = loaded
    for name, stored, expected in sorted(report["mismatched_keys"]):
        raise StageError(
            f"{where}: {visible(name, 120)}: found shape {tuple(stored)}, expected "
            f"{tuple(expected)} of its settings; correct them, or copy the checkpoint again"
        )
    _refuse(report["missing_keys"], where, "are missing", "copy or fetch the checkpoint again")
    _refuse(
        report["unexpected_keys"],
        where,
        "belong to no part of the model",
        "its config.json does not describe these weights",
    )
    return model.requires_grad_(False).eval()


def _refuse(names: set[str], where: str, what: str, remedy: str) -> None:
    if names:
        raise StageError(
            f"{where}: found {len(names):,} tensors that {what} ({visible(min(names), 120)}), "
            f"expected none; {remedy}"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' progress bars and reports: what matters of them is an error here."""
    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()
