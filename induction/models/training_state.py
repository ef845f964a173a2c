"""What training needs to go on: after a crash, and beyond its own end when it is extended.

It lies in `.scratch/train/<cell>-<key>/`, outside of what DVC knows: DVC removes a stage's
outputs before it runs the stage, and `persist: true` would cost the run cache. The key is a hash
of everything that decides about the weights, so a state is never taken up by another training.
"""

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from induction.config.paths import TRAINING_STATES
from induction.models import checkpoints
from induction.models.checkpoints import tensors
from induction.tables.atomic import write
from induction.tables.provenance import Provenance

KEY = "state"
EVERY = 10.0  # seconds; a state is also kept with every checkpoint


class State:
    """The latest state of one training, and the checkpoints it has left so far."""

    def __init__(self, cell: str, decides: dict):
        text = json.dumps(decides, sort_keys=True, default=str)
        self.key = hashlib.sha256(text.encode()).hexdigest()
        self.folder = TRAINING_STATES / f"{cell}-{self.key[:16]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        # The age of the folder tells when it was last of use.
        os.utime(self.folder)
        self._path = self.folder / "state.safetensors"
        self._next = time.monotonic() + EVERY

    def load(self, needed: list[int]) -> tuple[int, dict[str, Tensor]] | None:
        """(steps done, tensors), if every checkpoint `needed` up to there was left; else None."""
        try:
            with safe_open(self._path, framework="pt") as file:
                header = json.loads((file.metadata() or {}).get(KEY, "{}"))
                if header.get("key") != self.key:
                    return None
                found = tensors(file)
                step = int(header["step"])
        except (SafetensorError, OSError, ValueError, AttributeError, LookupError, TypeError):
            return None
        if not all(self.checkpoint(n).exists() for n in needed if n <= step):
            return None
        return step, found

    def save(self, step: int, tensors: dict[str, Tensor]) -> None:
        start = time.monotonic()
        header = json.dumps({"key": self.key, "step": step}, sort_keys=True)
        on_cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        write(self._path, save(on_cpu, metadata={KEY: header}))
        now = time.monotonic()
        # Large models write for long: that must stay a small share of the time.
        self._next = now + max(EVERY, 20 * (now - start))

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def checkpoint(self, step: int) -> Path:
        return checkpoints.path_of(self.folder, step)

    def publish(self, steps: list[int], folder: Path, provenance: Provenance) -> None:
        """Put the checkpoints of `steps` into `folder`; what is left twice takes no space twice."""
        for step in steps:
            source = self.checkpoint(step)
            with checkpoints.opened(source, lambda: f"remove {self.folder}") as (_, header):
                made_now = header.provenance == provenance
            if made_now:
                _link(source, checkpoints.path_of(folder, step))
            else:
                checkpoints.stamp_anew(source, folder, provenance)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Not every file system has hard links; a full disk says so in the copy.
        shutil.copyfile(source, target)
