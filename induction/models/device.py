"""The device that tensors live on."""

import os

import torch

from induction.config.errors import ParamsError

# With workspaces of a fixed size cuBLAS adds up in the same order in every run. It reads this when
# it starts, with the first matrix product on a GPU.
CUBLAS = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


def pick(setting: object) -> torch.device:
    """The device named by `device` in params.yaml; `auto` is the GPU where there is one, whose
    matrix products have the same bits in every run from then on.

    Raises ParamsError for a device that this machine lacks.
    """
    os.environ.update(CUBLAS)
    has_gpu = torch.cuda.is_available()
    if setting == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    if setting == "cpu" or (setting == "cuda" and has_gpu):
        return torch.device(str(setting))
    expected = "auto, cpu or cuda" if has_gpu else "auto or cpu, because torch sees no GPU"
    raise ParamsError("device", setting, expected, "correct it")


def make_deterministic() -> None:
    """Have torch compute the same bits in every run on a device, or raise RuntimeError at an
    operation that has no such form.

    Not with a mere warning: then the gradients of torch's attention on a GPU vary in their bits.
    """
    torch.use_deterministic_algorithms(True)


def wait(device: torch.device) -> None:
    """Until a GPU has done all that it was given, as whoever looks at the clock has to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def name(device: torch.device) -> str:
    """The device as provenance records it."""
    return "cpu" if device.type == "cpu" else f"cuda ({torch.cuda.get_device_name(device)})"
