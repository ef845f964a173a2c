"""Checkpoints of nanoGPT (ckpt.pt), as weights and settings of transformers' GPT-2.

The two are one architecture. nanoGPT multiplies by W from the left where GPT-2's Conv1D does from
the right, may leave out all biases, and has the exact GELU. (Before June 2023 it had GPT-2's
approximation, which a checkpoint does not tell: its losses then differ slightly.)
"""

from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config

from induction.config.errors import ABSENT, StageError, show
from induction.models.suites.files import Pickle
from induction.models.suites.tensors import MADE, Tensors, as_tensors, unpickled

COMPILED = "_orig_mod."  # torch.compile puts it before every name
TRANSPOSED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
SIZES = ("n_layer", "n_head", "n_embd", "block_size", "vocab_size")


def step_of(path: Path, where: str, pickle: Pickle) -> int:
    """The step at which it was saved. Raises StageError."""
    step = _checkpoint(path, where, pickle).get("iter_num", ABSENT)
    if type(step) is not int or step < 0:
        raise StageError(
            f"{where}: iter_num: found {show(step)}, expected the number of a step; use a ckpt.pt "
            "of nanoGPT's train.py"
        )
    return step


def read_nanogpt(path: Path, where: str, pickle: Pickle) -> tuple[GPT2Config, Tensors]:
    """Its settings, and its weights by their names in nanoGPT. Raises StageError."""
    checkpoint = _checkpoint(path, where, pickle)
    tensors = as_tensors(checkpoint["model"], f"{where}: model")
    tensors = {name.removeprefix(COMPILED): tensor for name, tensor in tensors.items()}
    tensors = {name: tensor for name, tensor in tensors.items() if not MADE.search(name)}
    arguments = checkpoint["model_args"]
    for name in SIZES:
        value = arguments.get(name, ABSENT) if isinstance(arguments, dict) else ABSENT
        if type(value) is not int or value < 1:
            raise StageError(
                f"{where}: model_args: {name}: found {show(value)}, expected a size; use a ckpt.pt "
                "of nanoGPT's train.py"
            )
    config = GPT2Config(
        n_layer=arguments["n_layer"],
        n_head=arguments["n_head"],
        n_embd=arguments["n_embd"],
        n_positions=arguments["block_size"],
        vocab_size=arguments["vocab_size"],
        activation_function="gelu",
        # The usual ids may lie outside of the vocabulary.
        bos_token_id=None,
        eos_token_id=None,
    )
    return config, tensors


def as_gpt2(tensors: Tensors, config: GPT2Config) -> Tensors:
    """Under GPT-2's names and in its shapes; where nanoGPT has no biases, with biases of 0."""
    turned = {
        name: tensor.T if name.endswith(TRANSPOSED) and tensor.ndim == 2 else tensor
        for name, tensor in tensors.items()
    }
    if not any(name.endswith(".bias") for name in tensors):
        d, wide = config.n_embd, 4 * config.n_embd
        sizes = {"ln_1": d, "ln_2": d, "attn.c_attn": 3 * d, "attn.c_proj": d}
        sizes |= {"mlp.c_fc": wide, "mlp.c_proj": d}
        for i in range(config.n_layer):
            for name, size in sizes.items():
                turned[f"transformer.h.{i}.{name}.bias"] = torch.zeros(size)
        turned["transformer.ln_f.bias"] = torch.zeros(d)
    return turned


def _checkpoint(path: Path, where: str, pickle: Pickle) -> dict[str, Any]:
    if pickle == "refuse":
        raise StageError(
            f"{where}: found a pickle, as all checkpoints of nanoGPT are, expected leave to read "
            "it; set pickle: weights_only to read it with a loader that runs no code"
        )
    values = unpickled(path, where)
    if not isinstance(values, dict) or not {"model", "model_args"} <= values.keys():
        found = ", ".join(map(str, values)) if isinstance(values, dict) else values
        raise StageError(
            f"{where}: found {show(found)}, expected model and model_args; use a ckpt.pt of "
            "nanoGPT's train.py"
        )
    return values
