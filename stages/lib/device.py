"""Where tensors live."""

from typing import Literal

import torch

Device = Literal["auto", "cpu", "cuda"]


def pick(wanted: str) -> torch.device:
    """`auto` is the GPU where there is one. Raises ValueError for a device this machine lacks."""
    has_gpu = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    if wanted == "cpu":
        return torch.device("cpu")
    if wanted == "cuda" and has_gpu:
        return torch.device("cuda")
    raise ValueError("auto, cpu or cuda, and for cuda a GPU that torch sees")
