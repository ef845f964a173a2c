"""Stages that measure one checkpoint after another, of our own training or of a suite.

Checkpoints of ours lie in data/train/. Those of a suite may lie anywhere, and be gone again: stage
`fetch` has each measured by all these stages while it is here, and keeps the results as parts in
.scratch/. A stage puts its parts together, and fetches again what it has no part of.
"""

import hashlib
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from induction.config.losses import LossSettings
from induction.config.paths import SCRATCH
from induction.models import checkpoints
from induction.models import device as devices
from induction.models.model import Model
from induction.models.workers import Workers
from induction.pipeline.artifacts import CHECKPOINTS
from induction.pipeline.declarations import writer_of
from induction.pipeline.job import Job, Outputs
from induction.pipeline.progress import progress
from induction.pipeline.suite_checkpoints import SuiteCheckpoints
from induction.tables.atomic import remove
from induction.tables.contract import Columns, Table
from induction.tables.parquet import TableWriter, read_table
from induction.tables.source import Source

PARTS = SCRATCH / "parts"
Measured = dict[Table, Columns]


class Measure(ABC):
    """What such a stage does with a checkpoint. Made when the stage begins, it reads all settings
    and inputs, but for the checkpoints."""

    def __init__(self, job: Job, device: torch.device, workers: Workers):
        self.job, self.device, self.workers = job, device, workers

    @cached_property
    def batch(self) -> int:
        """Sequences per forward pass, of a stage that reads section `losses`."""
        return self.job.params.section("losses", LossSettings).batch_of(self.workers.on_gpu)

    @property
    @abstractmethod
    def reads(self) -> list[Tensor]:
        """All token ids that the models have to read."""

    def selected(self, steps: list[int]) -> list[int]:
        """Those of the steps, ascending, that are measured."""
        return steps

    def learn(self, rows: Measured) -> None:
        """Take note of what a stage before this one, or this one, measured, of which there is no
        table yet."""
        return

    def depends_on(self, step: int) -> str:
        """What decides about the results beside params, code, tokens and weights."""
        return ""

    @cached_property
    def made_by(self) -> str:
        """A hash of all that decides about the results of every checkpoint of a suite."""
        job = self.job
        # Which checkpoints the suite has decides about none of them.
        entries = tuple(key for key in job.declared if key.startswith(("cells.", "suites.")))
        digest = hashlib.sha256(f"{job.provenance_without(entries).dumps()} {job.bos}".encode())
        for artifact in job.stage.artifacts_read:
            if isinstance(artifact, Table) and writer_of(artifact).per == "corpus":
                # Not its file, whose provenance has these entries, too.
                for name, values in job.read(artifact).items():
                    digest.update(f"{name} {values.tolist()}".encode())
        return digest.hexdigest()

    @abstractmethod
    def measure(self, model: Model, step: int) -> Measured:
        """The rows of every table of the stage at one checkpoint; a table may have none."""


def run_measure(job: Job, kind: type[Measure]) -> None:
    """The whole of such a stage."""
    with Workers(device_of(job)) as workers:
        measure = kind(job, device_of(job), workers)
        with job.outputs() as outputs:
            (_of_suite if job.suite else _of_training)(job, measure, outputs)


def device_of(job: Job) -> torch.device:
    """That of params.yaml, of which the job takes note."""
    device = devices.pick(job.params.get("device"))
    job.device = devices.name(device)
    return device


def _of_training(job: Job, measure: Measure, outputs: Outputs) -> None:
    writers = {table: outputs.writer(table) for table in job.stage.tables}
    listed = checkpoints.listed(job.source(CHECKPOINTS))
    paths = {checkpoints.step_of(path): path for path in listed}
    for step in progress(measure.selected([*paths]), _bar(job), "checkpoint"):
        model, _ = checkpoints.load(paths[step], measure.device)
        for tokens in measure.reads:
            checkpoints.check_fits(tokens, model, paths[step])
        _write(measure.measure(model, step), writers)


def _of_suite(job: Job, measure: Measure, outputs: Outputs) -> None:
    assert job.suite is not None
    suite = SuiteCheckpoints(job.instance, job.suite_name, job.suite)
    fetched = suite.fetched()
    parts = Parts(measure)
    writers = {table: outputs.writer(table) for table in job.stage.tables}
    for step in progress(measure.selected([*fetched]), _bar(job), "checkpoint"):
        part = parts.read(step, fetched[step].sha256)
        if part is None:
            with suite.opened(step, measure.device, fetched[step].vocab_size) as (model, now):
                suite.check_same(fetched[step], now)
                part = measure_foreign(measure, model, step, suite.name_of(step))
            parts.write(step, fetched[step].sha256, part)
        _write(part, writers)


def _bar(job: Job) -> str:
    return f"{job.stage.name} {job.instance}"


def measure_foreign(measure: Measure, model: Model, step: int, where: str) -> Measured:
    for tokens in measure.reads:
        checkpoints.check_fits(tokens, model, where)
    return measure.measure(model, step)


def _write(rows: Measured, writers: dict[Table, TableWriter]) -> None:
    for table, columns in rows.items():
        if len(columns[table.grain[0]]):
            writers[table].write(columns)


class Parts:
    """What was measured of a suite, checkpoint by checkpoint, until all of it becomes tables.

    A part is used again only if code, params, versions, device, tokens and weights are the same.
    """

    def __init__(self, measure: Measure):
        self.measure, job = measure, measure.job
        self.folder = PARTS / job.instance / job.stage.name

    def _of(self, step: int, sha256: str) -> Path:
        key = f"{self.measure.made_by} {sha256} {self.measure.depends_on(step)}"
        return self.folder / f"{step}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"

    def read(self, step: int, sha256: str) -> Measured | None:
        folder = self._of(step, sha256)
        if not folder.is_dir():
            return None
        tables = self.measure.job.stage.tables
        there = {table: folder / f"{table.name}.parquet" for table in tables}
        label = self.measure.job.label
        return {
            table: {**read_table(table, Source(path, label))}
            for table, path in there.items()
            if path.exists()
        }

    def write(self, step: int, sha256: str, part: Measured) -> None:
        folder = self._of(step, sha256)
        # Those of other code, params or weights will not be asked for again.
        for left in self.folder.glob(f"{step}-*"):
            remove(left)
        partial = folder.with_name("partial")
        remove(partial)
        partial.mkdir(parents=True)
        for table, columns in part.items():
            if len(columns[table.grain[0]]):
                made_by = self.measure.job.provenance_without(table.without)
                with TableWriter(table, partial / f"{table.name}.parquet", made_by) as writer:
                    writer.write(columns)
        partial.rename(folder)
