"""Checkpoints on disk: safetensors with one metadata key, from which the model is rebuilt."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize

from stages.files.stage import StageError
from stages.lib.model import Transformer
from stages.settings.model import Model
from stages.settings.strict import ParamsError, parse

# safetensors writes several metadata keys in random order: one key keeps the bytes stable.
KEY = "checkpoint"


@dataclass(frozen=True)
class Header:
    """What a checkpoint says of itself."""

    cell: str
    step: int
    tokens_seen: int
    vocab_size: int
    n_ctx: int
    model: Model


def path_of(folder: Path, step: int) -> Path:
    return folder / f"step_{step:06d}.safetensors"


def save(folder: Path, model: Transformer, header: Header) -> None:
    """Write one checkpoint; the same weights and header give the same bytes."""
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    metadata = {KEY: json.dumps(asdict(header), sort_keys=True)}
    # Not safetensors' own `save_file`: on a full disk it raises no OSError.
    path_of(folder, header.step).write_bytes(serialize(tensors, metadata=metadata))


def listed(folder: Path, rebuild: str) -> list[Path]:
    """The checkpoints of a folder in order of their steps."""
    paths = sorted(folder.glob("step_*.safetensors"))
    if not paths:
        raise StageError(
            f"{folder}: no checkpoints; make them with `dvc repro {rebuild}` or `dvc pull`"
        )
    return paths


def load(path: Path, device: torch.device | str = "cpu") -> tuple[Transformer, Header]:
    """Rebuild the model of a checkpoint, in evaluation mode, fp32.

    Raises StageError if the file is missing, truncated or not one of ours.
    """
    remedy = f"rebuild it with `dvc repro --force --single-item train@{path.parent.name}`"
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = (file.metadata() or {}).get(KEY)
            # `keys()` is a method of safetensors' handle, which is no mapping.
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise StageError(f"{path}: not found; make it with `dvc repro` or `dvc pull`") from None
    except (SafetensorError, OSError) as error:
        raise StageError(f"{path}: truncated or not safetensors ({error}); {remedy}") from None
    if metadata is None:
        raise StageError(f"{path}: no {KEY!r} metadata, so not a checkpoint of ours; {remedy}")
    try:
        header = parse(Header, json.loads(metadata), KEY)
    except (ValueError, ParamsError) as error:
        raise StageError(f"{path}: unreadable metadata ({error}); {remedy}") from None
    model = Transformer(header.model, header.vocab_size, header.n_ctx)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise StageError(f"{path}: weights do not fit the model ({reason}); {remedy}") from None
    return model.eval().to(device), header
