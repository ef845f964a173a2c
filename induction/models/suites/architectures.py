"""Which models of transformers can be measured, and the settings that are refused."""

import json
from pathlib import Path
from typing import Any

from transformers import (
    GPT2LMHeadModel,
    GPTNeoXForCausalLM,
    LlamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
)

from induction.config.errors import ABSENT, StageError, show, visible
from induction.models.suites.files import CONFIG

# By `model_type`: those that `induction.models.foreign_architectures` takes apart.
MODELS: dict[str, type[PreTrainedModel]] = {
    "gpt_neox": GPTNeoXForCausalLM,
    "gpt2": GPT2LMHeadModel,
    "llama": LlamaForCausalLM,
}
NAMES = ", ".join(model.__name__ for model in MODELS.values())
# Settings that change what is computed in a way that is not measured.
REFUSED = {
    "auto_map": "a model that needs no code of its repository",
    "quantization_config": "weights that are not quantised",
    "add_cross_attention": "a model that reads one text alone",
    "pruned_heads": "a model with all its heads",
}


def read_config(folder: Path, where: str) -> tuple[type[PreTrainedModel], PreTrainedConfig]:
    """The model that config.json describes, and its settings. Raises StageError."""
    values = _values(folder / CONFIG, where)
    named, kind = values.get("architectures"), values.get("model_type", ABSENT)
    # A list may stand there, which is no key.
    model = MODELS.get(str(kind))
    if model is None or (named and named != [model.__name__]):
        raise StageError(
            f"{where}: {CONFIG}: found architectures {show(named or ABSENT)} and model_type "
            f"{show(kind)}, expected one of {NAMES}; other architectures are not supported"
        )
    for key, expected in REFUSED.items():
        if values.get(key):
            raise StageError(
                f"{where}: {CONFIG}: {key}: found {show(values[key])}, expected {expected}; use "
                "another checkpoint"
            )
    if (folder / "adapter_config.json").exists():
        raise StageError(
            f"{where}: found adapter_config.json, expected weights alone; merge the adapter into "
            "the model and save that"
        )
    try:
        assert model.config_class is not None
        config = model.config_class.from_dict(values)
    except Exception as error:  # transformers and its validation raise anything
        said = visible(" ".join(str(error).split()), 200)
        raise StageError(
            f"{where}: {CONFIG}: not the settings of {model.__name__} ({said}); correct it"
        ) from None
    return model, config


def _values(path: Path, where: str) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(
            f"{where}: found no {CONFIG} in {path.parent}, expected a folder written by "
            "save_pretrained; correct the path or revision"
        ) from None
    except (OSError, ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise StageError(f"{where}: {CONFIG}: no JSON object; copy or fetch the checkpoint again")
    return values
