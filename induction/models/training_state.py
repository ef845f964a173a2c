"""What a training needs to continue, after a crash or when it is extended.

It is kept in `.scratch/train/<cell>-<key>/`, outside of what DVC tracks: DVC removes a stage's
outputs before it runs the stage, and `persist: true` would cost the run cache. The key is a hash
of everything that affects the weights, so no other training can load the state.
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
from induction.models.checkpoints import read_tensors
from induction.tables.atomic import write
from induction.tables.provenance import Provenance

KEY = "state"
STATE, INPUTS = "state.safetensors", "inputs.json"
# What reading a damaged state, or one that is not there, raises.
UNREADABLE = (SafetensorError, OSError, ValueError, AttributeError, LookupError, TypeError)
SAVE_INTERVAL = 10.0  # seconds; a state is also saved with every checkpoint


class TrainingState:
    """The latest state of one training, and its checkpoints so far.

    `weight_inputs` is everything that affects the weights. It is kept beside the state, to say why
    another training does not take it up.
    """

    def __init__(self, cell: str, weight_inputs: dict):
        self.cell = cell
        text = json.dumps(weight_inputs, sort_keys=True)
        self.key = hashlib.sha256(text.encode()).hexdigest()
        self.folder = TRAINING_STATES / f"{cell}-{self.key[:16]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / INPUTS).exists():
            write(self.folder / INPUTS, text.encode())
        # The age of the folder tells when it was last used.
        os.utime(self.folder)
        self._path = self.folder / STATE
        self._next = time.monotonic() + SAVE_INTERVAL

    def load(self, needed: list[int]) -> tuple[int, dict[str, Tensor]] | None:
        """(steps done, tensors), or None unless each checkpoint in `needed` up to there exists."""
        try:
            with safe_open(self._path, framework="pt") as file:
                header = _header(file)
                if header.get("key") != self.key:
                    return None
                tensors = read_tensors(file)
                step = int(header["step"])
        except UNREADABLE:
            return None
        if not all(self.checkpoint(n).exists() for n in needed if n <= step):
            return None
        return step, tensors

    def save(self, step: int, tensors: dict[str, Tensor]) -> None:
        start = time.monotonic()
        header = json.dumps({"key": self.key, "step": step}, sort_keys=True)
        on_cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        write(self._path, save(on_cpu, metadata={KEY: header}))
        now = time.monotonic()
        # Large models take long to write: keep that a small share of the time.
        self._next = now + max(SAVE_INTERVAL, 20 * (now - start))

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def checkpoint(self, step: int) -> Path:
        return checkpoints.path_of(self.folder, step)

    def publish(self, steps: list[int], folder: Path, provenance: Provenance) -> None:
        """Put the checkpoints of `steps` into `folder`, as hard links where possible."""
        for step in steps:
            source = self.checkpoint(step)
            with checkpoints.opened(source, lambda: f"remove {self.folder}") as (_, header):
                is_current = header.provenance == provenance
            if is_current:
                _link(source, checkpoints.path_of(folder, step))
            else:
                checkpoints.restamp(source, folder, provenance)


def step_of(folder: Path) -> int | None:
    """The steps done of the state in a folder; None if there is none that can be read."""
    try:
        with safe_open(folder / STATE, framework="pt") as file:
            return int(_header(file)["step"])
    except UNREADABLE:
        return None


def _header(file: safe_open) -> dict:
    return json.loads((file.metadata() or {}).get(KEY, "{}"))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Not every file system has hard links; on a full disk, the copy fails too.
        shutil.copyfile(source, target)
