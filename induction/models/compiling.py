"""Functions that torch compiles, where the machine can."""

import os
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import ParamSpec, TypeVar

import torch

from induction.config.errors import ParamsError

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R], device: torch.device) -> Callable[P, R]:
    """The function, which torch compiles for each new shape of its inputs, in half a minute or so.

    Raises ParamsError where torch lacks what it compiles with.
    """
    if lacking := _lacking(device):
        raise ParamsError("train.compile", True, f"false, because {lacking}", "correct it")
    return torch.compile(function, dynamic=False)


def _lacking(device: torch.device) -> str:
    """What torch would miss: it writes C++ for a CPU, and for a GPU Triton, which has its launchers
    compiled by a C compiler. Empty if it is all there."""
    if device.type == "cuda":
        if find_spec("triton") is None:
            return "the package triton is not installed"
        names = [os.environ.get("CC", ""), "gcc", "clang"]
    else:
        names = [os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")]
    if any(name and shutil.which(name) for name in names):
        return ""
    return f"there is no compiler {' or '.join(filter(None, names))}"
