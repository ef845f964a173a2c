"""Checkpoints on disk: safetensors with one metadata key, from which the model is rebuilt."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import torch
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from induction.config.errors import StageError
from induction.config.model import Architecture
from induction.config.remedy import make, rebuild
from induction.config.strict import parse, settings, within
from induction.models.model import Model
from induction.models.transformer import Transformer, weight_shapes
from induction.tables.atomic import write
from induction.tables.provenance import Provenance
from induction.tables.source import Source

# safetensors writes several metadata keys in random order: one key keeps the bytes stable.
KEY = "checkpoint"
FORMAT = 1


@settings
class Header:
    """The metadata of a checkpoint, from which its model is rebuilt."""

    format: Literal[1]  # FORMAT
    step: Annotated[int, within(0, 2**31 - 1)]
    tokens_seen: Annotated[int, within(0, 2**53)]
    vocab_size: Annotated[int, within(1, 65_536)]
    n_ctx: Annotated[int, within(1, 32_767)]
    model: Architecture
    provenance: Provenance


def path_of(folder: Path, step: int) -> Path:
    return folder / f"step_{step:06d}.safetensors"


def save(folder: Path, model: Transformer, header: Header) -> None:
    """Write one checkpoint. The same weights and header give the same bytes."""
    _write(path_of(folder, header.step), model.state_dict(), header)


def restamp(source: Path, folder: Path, provenance: Provenance) -> None:
    """Copy a checkpoint into `folder` with another provenance and the same weights."""
    with opened(source, lambda: f"remove {source.parent}") as (file, header):
        _write(
            path_of(folder, header.step), read_tensors(file), replace(header, provenance=provenance)
        )


def _write(path: Path, tensors: dict[str, Tensor], header: Header) -> None:
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    # Not safetensors' `save_file`, which raises no OSError on a full disk.
    metadata = {KEY: json.dumps(asdict(header), sort_keys=True)}
    write(path, serialize(tensors, metadata=metadata))


def listed(source: Source) -> list[Path]:
    """The checkpoints of a folder by step. Raises StageError if there are none."""
    paths = sorted(source.path.glob("step_*.safetensors"))
    if not paths:
        raise StageError(f"{source.path}: no checkpoints; {make(source.stage)}")
    return paths


def read_tensors(file: safe_open) -> dict[str, Tensor]:
    # safetensors' handle has `keys()`, but is not a mapping.
    return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextmanager
def opened(path: Path, remedy: Callable[[], str]) -> Iterator[tuple[safe_open, Header]]:
    """An open checkpoint and its header, both checked; no weights are read yet.

    Raises StageError if the file is missing, truncated or not a checkpoint of this pipeline.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = (file.metadata() or {}).get(KEY)
            if metadata is None:
                raise StageError(
                    f"{path}: no {KEY!r} metadata, so not a checkpoint of ours; {remedy()}"
                )
            try:
                header = parse(Header, json.loads(metadata), KEY, file="")
            except (ValueError, RecursionError) as error:
                raise StageError(f"{path}: unreadable metadata ({error}); {remedy()}") from None
            yield file, header
    except FileNotFoundError:
        raise StageError(f"{path}: not found; make it with `dvc repro` or `dvc pull`") from None
    except (SafetensorError, OSError) as error:
        raise StageError(f"{path}: truncated or not safetensors ({error}); {remedy()}") from None


def load(path: Path, device: torch.device | str = "cpu") -> tuple[Transformer, Header]:
    """Rebuild the model of a checkpoint, in evaluation mode, fp32.

    Raises StageError if the file is missing, truncated or not a checkpoint of this pipeline, or if
    its weights are not finite or do not fit its header. The header of a foreign file can name a
    model of any size, so shapes are compared before the model is built.
    """
    remedy = partial(rebuild, f"train@{path.parent.name}")
    with opened(path, remedy) as (file, header):
        names = set(file.keys())
        # Each layer has at least four matrices and a LayerNorm, which is two tensors.
        if header.model.n_layers * 6 > len(names):
            raise StageError(
                f"{path}: weights do not fit the model ({header.model.n_layers} layers, "
                f"{len(names)} tensors); {remedy()}"
            )
        shapes = weight_shapes(header.model, header.vocab_size, header.n_ctx)
        slices = {name: file.get_slice(name) for name in sorted(names)}
        wrong = sorted(names ^ shapes.keys()) or [
            name
            for name, weight in slices.items()
            if weight.get_shape() != shapes[name] or weight.get_dtype() != "F32"
        ]
        if wrong:
            raise StageError(
                f"{path}: weights do not fit the model ({', '.join(wrong[:3])}"
                f"{', …' if len(wrong) > 3 else ''}); {remedy()}"
            )
        weights = read_tensors(file)
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise StageError(f"{path}: {name} is not finite; {remedy()}")
    model = Transformer(header.model, header.vocab_size, header.n_ctx)
    model.load_state_dict(weights)
    return model.eval().to(device), header


def step_of(path: Path) -> int:
    """The step of a checkpoint, by its name."""
    return int(path.stem.removeprefix("step_"))


def check_fits(tokens: Int[Tensor, "seq pos"], model: Model, checkpoint: Path | str) -> None:
    """Raises StageError unless the model of `checkpoint` can read `tokens`."""
    n_ctx, largest = tokens.shape[1], int(tokens.max())
    if n_ctx > model.n_ctx or largest >= model.vocab_size:
        raise StageError(
            f"{checkpoint}: reads {model.n_ctx} tokens of a vocabulary of {model.vocab_size}, "
            f"but the evaluation set has {n_ctx}, up to token {largest}: the two come from "
            "different corpora; run `dvc repro`"
        )
