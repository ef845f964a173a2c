"""Where tensors live."""

import torch

from induction.config.errors import ParamsError


def pick(wanted: object) -> torch.device:
    """The device that key `device` of params.yaml asks for; `auto` is the GPU where there is one.

    Raises ParamsError for a device this machine lacks.
    """
    has_gpu = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    if wanted == "cpu" or (wanted == "cuda" and has_gpu):
        return torch.device(wanted)
    expected = "auto, cpu or cuda" if has_gpu else "auto or cpu, because torch sees no GPU"
    raise ParamsError("device", wanted, expected, "correct it")


def name(device: torch.device) -> str:
    """What an artifact says of where it was computed."""
    return "cpu" if device.type == "cpu" else f"cuda ({torch.cuda.get_device_name(device)})"
