"""The log of a training: each step's learning rate, loss and gradient norm, read in time."""

import math

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from induction.config.errors import StageError
from induction.models.training import Update

NAMES = ("learning_rate", "loss", "grad_norm")
# Steps whose values may still be on a GPU. To read them waits for all that it was given, and it
# idles until there is more: for about a step, so this costs a hundredth of the time at most. A
# training that diverges goes on for as many steps in vain.
UNREAD_ON_GPU = 100


class TrainingLog:
    """Every step of a training that takes `steps`."""

    def __init__(self, steps: int, on_gpu: bool):
        self.steps = steps
        self._most_unread = UNREAD_ON_GPU if on_gpu else 1
        self._unread: list[Update] = []
        self._values: dict[str, list[float]] = {name: [] for name in NAMES}

    def add(self, update: Update) -> None:
        """Note a step; read it and those before it, if they are enough."""
        self._unread.append(update)
        if len(self._unread) >= self._most_unread:
            self.read()

    def read(self) -> None:
        """Read what is still on the device. Raises StageError for the first step whose loss or norm
        is not finite."""
        unread, self._unread = self._unread, []
        if not unread:
            return
        losses = torch.stack([update.loss for update in unread]).tolist()
        norms = torch.stack([update.grad_norm for update in unread]).tolist()
        for update, loss, norm in zip(unread, losses, norms, strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise StageError(
                    f"diverged at step {update.step} of {self.steps}: loss {loss}, gradient norm "
                    f"{norm}; lower train.muon_lr or train.adamw_lr, or lengthen "
                    "train.warmup_steps"
                )
            for name, value in zip(NAMES, (update.learning_rate, loss, norm), strict=True):
                self._values[name].append(value)

    def state(self) -> dict[str, Tensor]:
        """All of it as `log.<name>`, for the state of the training. Raises as `read` does."""
        self.read()
        return {
            f"log.{name}": torch.tensor(values, dtype=torch.float64)
            for name, values in self._values.items()
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take the log out of a state."""
        self._values = {name: state.pop(f"log.{name}").tolist() for name in NAMES}

    def columns(self) -> dict[str, Float32[np.ndarray, "step"]]:
        """Of the table: of a state that went further, no more than the steps of this training."""
        self.read()
        return {
            name: np.array(values[: self.steps], np.float32)
            for name, values in self._values.items()
        }
