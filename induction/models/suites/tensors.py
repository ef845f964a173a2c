"""The tensors of a checkpoint as they are stored: read without running code, checked, hashed."""

import hashlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from induction.config.errors import StageError, show, visible
from induction.models.suites.files import Pickle, weight_files

Tensors = dict[str, Tensor]

KINDS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# Causal masks and rotary frequencies, which the models make from their config: older versions of
# transformers stored them.
MADE = re.compile(r"(^|\.)(attn|attention)\.(bias|masked_bias)$|(^|\.)rotary_emb\.inv_freq$")


def read_tensors(folder: Path, where: str, pickle: Pickle) -> Tensors:
    """All weights of a folder by their name, in whichever files they lie. Raises StageError."""
    names = {path.name for path in folder.iterdir()}
    tensors: Tensors = {}
    for name in weight_files(names, where, pickle):
        is_pickled = name.endswith(".bin")
        read = unpickled(folder / name, where) if is_pickled else _safetensors(folder / name, where)
        twice = tensors.keys() & read.keys()
        if twice:
            raise StageError(
                f"{where}: {name}: found {show(min(twice))} in two files, expected it in one; copy "
                "the checkpoint again"
            )
        tensors |= as_tensors(read, f"{where}: {name}")
    return {name: tensor for name, tensor in tensors.items() if not MADE.search(name)}


def _safetensors(path: Path, where: str) -> Tensors:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, where, error) from None


def unpickled(path: Path, where: str) -> Any:
    """What a pickle holds, if these are tensors and plain values: no code of it is run."""
    try:
        # Only the newer of torch's two formats, a zip archive, can be read as it is needed.
        is_zip = zipfile.is_zipfile(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except Exception as error:  # pickles raise anything
        raise _damaged(path, where, error) from None


def _damaged(path: Path, where: str, error: Exception) -> StageError:
    said = visible((str(error).splitlines() or [type(error).__name__])[0], 120)
    return StageError(
        f"{where}: {path.name}: damaged, or no weights ({said}); copy or fetch the checkpoint again"
    )


def as_tensors(values: object, where: str) -> Tensors:
    """Raises StageError unless these are tensors by name."""
    tensors: Tensors = {}
    for name, tensor in values.items() if isinstance(values, Mapping) else [("", values)]:
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise StageError(
                f"{where}: found {show(tensor)} at {show(name)}, expected tensors by name; save "
                "the model's state_dict() alone"
            )
        tensors[name] = tensor
    return tensors


def check_values(tensors: Tensors, where: str) -> None:
    """Raise StageError at a tensor that is of no floating type, or holds NaN or infinity."""
    for name, tensor in tensors.items():
        if tensor.dtype not in KINDS:
            raise StageError(
                f"{where}: {visible(name, 120)}: found {dtype_name(tensor)}, expected "
                f"{', '.join(str(kind).removeprefix('torch.') for kind in KINDS)}; quantised "
                "weights cannot be measured, so use the original ones"
            )
        # Measured in float32, in which large numbers of float64 are infinite.
        is_finite = tensor.float().isfinite()
        if not bool(is_finite.all()):
            raise StageError(
                f"{where}: {visible(name, 120)}: found NaN or infinity in "
                f"{int((~is_finite).sum()):,} of {tensor.numel():,} entries, expected finite "
                "weights; leave this step out, or fetch the checkpoint again"
            )


def dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def dtypes(tensors: Tensors) -> str:
    """The types of all weights, in alphabetical order: one, as a rule."""
    return ", ".join(sorted({dtype_name(tensor) for tensor in tensors.values()}))


def digest(tensors: Tensors) -> str:
    """SHA-256 over all names, types, shapes and bytes: equal however files divide them."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        sha.update(f"{name}\0{dtype_name(tensor)}\0{tuple(tensor.shape)}\0".encode())
        sha.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
