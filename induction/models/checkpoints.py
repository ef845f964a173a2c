"""Checkpoints on disk: safetensors with one metadata key, from which the model is rebuilt."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from induction.config.errors import StageError
from induction.config.model import Architecture
from induction.config.remedy import make, rebuild
from induction.config.strict import ParamsError, parse, require
from induction.models.transformer import Transformer, weight_shapes
from induction.tables.atomic import write
from induction.tables.provenance import Provenance
from induction.tables.source import Source

# safetensors writes several metadata keys in random order: one key keeps the bytes stable.
KEY = "checkpoint"
FORMAT = 1


@dataclass(frozen=True)
class Header:
    """What a checkpoint says of itself."""

    format: int
    step: int
    tokens_seen: int
    vocab_size: int
    n_ctx: int
    model: Architecture
    provenance: Provenance

    def check(self, key: str) -> None:
        require(
            self.format == FORMAT, f"{key}.format", self.format, str(FORMAT), "rebuild the file"
        )
        for name, least, most in (
            ("step", 0, 2**31 - 1),
            ("tokens_seen", 0, 2**53),
            ("vocab_size", 1, 65_535),
            ("n_ctx", 1, 32_767),
        ):
            value = getattr(self, name)
            expected = f"{least} … {most}"
            require(least <= value <= most, f"{key}.{name}", value, expected, "rebuild it")


def path_of(folder: Path, step: int) -> Path:
    return folder / f"step_{step:06d}.safetensors"


def save(folder: Path, model: Transformer, header: Header) -> None:
    """Write one checkpoint; the same weights and header give the same bytes."""
    _write(path_of(folder, header.step), model.state_dict(), header)


def stamp_anew(source: Path, folder: Path, provenance: Provenance) -> None:
    """Copy a checkpoint into `folder` under another provenance: the same weights, as made now."""
    with opened(source, lambda: f"remove {source.parent}") as (file, header):
        _write(path_of(folder, header.step), tensors(file), replace(header, provenance=provenance))


def _write(path: Path, tensors: dict[str, torch.Tensor], header: Header) -> None:
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    # Not safetensors' own `save_file`: on a full disk it raises no OSError.
    metadata = {KEY: json.dumps(asdict(header), sort_keys=True)}
    write(path, serialize(tensors, metadata=metadata))


def listed(source: Source) -> list[Path]:
    """The checkpoints of a folder in order of their steps."""
    paths = sorted(source.path.glob("step_*.safetensors"))
    if not paths:
        raise StageError(f"{source.path}: no checkpoints; {make(source.stage)}")
    return paths


def tensors(file: safe_open) -> dict[str, torch.Tensor]:
    # `keys()` is a method of safetensors' handle, which is no mapping.
    return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextmanager
def opened(path: Path, remedy: Callable[[], str]) -> Iterator[tuple[safe_open, Header]]:
    """An open checkpoint and its header, both checked; nothing of its weights is read yet.

    Raises StageError if the file is missing, truncated or not one of ours.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = (file.metadata() or {}).get(KEY)
            if metadata is None:
                raise StageError(
                    f"{path}: no {KEY!r} metadata, so not a checkpoint of ours; {remedy()}"
                )
            try:
                header = parse(Header, json.loads(metadata), KEY)
            except (ValueError, RecursionError, ParamsError) as error:
                raise StageError(f"{path}: unreadable metadata ({error}); {remedy()}") from None
            yield file, header
    except FileNotFoundError:
        raise StageError(f"{path}: not found; make it with `dvc repro` or `dvc pull`") from None
    except (SafetensorError, OSError) as error:
        raise StageError(f"{path}: truncated or not safetensors ({error}); {remedy()}") from None


def load(path: Path, device: torch.device | str = "cpu") -> tuple[Transformer, Header]:
    """Rebuild the model of a checkpoint, in evaluation mode, fp32.

    Raises StageError if the file is missing, truncated, not one of ours, or if its weights do
    not fit what it says of its model or are not finite. A file from a stranger can name a model
    of any size, so shapes are compared before a model is built.
    """
    remedy = partial(rebuild, f"train@{path.parent.name}")
    with opened(path, remedy) as (file, header):
        names = set(file.keys())
        # A layer is at least four matrices and a LayerNorm: more layers than that are not there.
        if header.model.n_layers * 6 > len(names):
            raise StageError(
                f"{path}: weights do not fit the model ({header.model.n_layers} layers, "
                f"{len(names)} tensors); {remedy()}"
            )
        wanted = weight_shapes(header.model, header.vocab_size, header.n_ctx)
        found = {name: file.get_slice(name) for name in names}
        wrong = sorted(names ^ wanted.keys()) or [
            name
            for name, own in sorted(found.items())
            if own.get_shape() != wanted[name] or own.get_dtype() != "F32"
        ]
        if wrong:
            raise StageError(
                f"{path}: weights do not fit the model ({', '.join(wrong[:3])}"
                f"{', …' if len(wrong) > 3 else ''}); {remedy()}"
            )
        weights = tensors(file)
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise StageError(f"{path}: {name} is not finite; {remedy()}")
    model = Transformer(header.model, header.vocab_size, header.n_ctx)
    model.load_state_dict(weights)
    return model.eval().to(device), header


def check_fits(tokens: Int[Tensor, "seq pos"], header: Header, checkpoint: Path) -> None:
    """Raises StageError unless the model of `checkpoint` can read `tokens`."""
    n_ctx, largest = tokens.shape[1], int(tokens.max())
    if n_ctx > header.n_ctx or largest >= header.vocab_size:
        raise StageError(
            f"{checkpoint}: reads {header.n_ctx} tokens of a vocabulary of {header.vocab_size}, "
            f"but the evaluation set has {n_ctx}, up to token {largest}: of two corpora; run "
            "`dvc repro`"
        )
