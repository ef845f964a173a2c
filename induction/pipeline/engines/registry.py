"""The engines that a study can run on, by the names that `--on` takes."""

from collections.abc import Callable

from induction.pipeline.cluster.scheduler import Scheduler
from induction.pipeline.cluster.slurm import Slurm

LOCAL = "local"  # cells on this machine: induction.pipeline.engines.local
# Those of clusters; each is one class with the functions of `Scheduler`.
SCHEDULERS: dict[str, Callable[[], Scheduler]] = {"slurm": Slurm}
