"""The device that tensors live on."""

import torch

from induction.config.errors import ParamsError


def pick(setting: object) -> torch.device:
    """The device named by `device` in params.yaml; `auto` is the GPU where there is one.

    Raises ParamsError for a device that this machine lacks.
    """
    has_gpu = torch.cuda.is_available()
    if setting == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    if setting == "cpu" or (setting == "cuda" and has_gpu):
        return torch.device(str(setting))
    expected = "auto, cpu or cuda" if has_gpu else "auto or cpu, because torch sees no GPU"
    raise ParamsError("device", setting, expected, "correct it")


def name(device: torch.device) -> str:
    """The device as provenance records it."""
    return "cpu" if device.type == "cpu" else f"cuda ({torch.cuda.get_device_name(device)})"
