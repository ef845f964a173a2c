"""The checkpoints of a cell that is a suite, as models, one at a time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch

from induction.config.errors import StageError
from induction.config.names import SUITES
from induction.config.paths import SCRATCH
from induction.config.remedy import rebuild
from induction.config.suites import Suite
from induction.models.foreign import ForeignModel
from induction.models.suites.revision import Revision, SuiteSource
from induction.models.suites.source import source_of
from induction.pipeline import layout
from induction.pipeline.job import Job
from induction.tables.atomic import write
from induction.tables.fetch import FETCHED
from induction.tables.parquet import read_table


def source_of_suite(name: str, suite: Suite) -> SuiteSource:
    """Where the suite's checkpoints come from. Commits of a hub are recorded in suites/, which Git
    has."""
    return source_of(name, suite, Path(SUITES) / f"{name}.json", SCRATCH / SUITES)


@dataclass(frozen=True)
class Fetched:
    """A row of table `checkpoints`, without its key."""

    tokens: int | None
    commit: str
    sha256: str
    dtype: str
    licence: str
    vocab_size: int


class Seen:
    """What is known of checkpoints of a hub that were fetched before: a commit never changes."""

    def __init__(self, cell: str):
        self.folder = SCRATCH / "parts" / cell / "seen"

    def _path(self, revision: Revision) -> Path:
        return self.folder / f"{revision.step}-{revision.commit}.json"

    def read(self, revision: Revision) -> Fetched | None:
        path = self._path(revision)
        if not revision.commit or not path.is_file():
            return None
        return Fetched(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, revision: Revision, fetched: Fetched) -> None:
        if revision.commit:
            self.folder.mkdir(parents=True, exist_ok=True)
            write(self._path(revision), json.dumps(asdict(fetched)).encode())


class SuiteCheckpoints:
    """Those of the cell that a job runs for."""

    def __init__(self, job: Job):
        suite = job.suite
        assert suite is not None
        self.job, self.suite, self.name = job, suite, job.cell[1].suite
        self.source = source_of_suite(self.name, suite)

    @cached_property
    def revisions(self) -> dict[int, Revision]:
        return {revision.step: revision for revision in self.source.revisions()}

    def name_of(self, step: int) -> str:
        """As errors name it."""
        return f"suites.{self.name}: {self.suite.at}, {self.revisions[step].name}"

    def fetched(self) -> dict[int, Fetched]:
        """Table `checkpoints` of this cell, by step."""
        rows = read_table(FETCHED, layout.source_of(FETCHED, self.job.instance))
        steps = rows.pop("step").tolist()
        columns = {name: values.tolist() for name, values in rows.items()}
        # A null is NaN in an array.
        columns["tokens"] = [None if n != n else int(n) for n in columns["tokens"]]
        return {
            step: Fetched(**{name: values[i] for name, values in columns.items()})
            for i, step in enumerate(steps)
        }

    @contextmanager
    def opened(
        self, step: int, device: torch.device, vocab_size: int, keep: Path | None = None
    ) -> Iterator[tuple[ForeignModel, Fetched]]:
        """The model of a step, and what it is. Weights of a hub are gone when this ends, unless
        they are kept."""
        # transformers takes seconds to import, and stages of models of ours do without.
        from induction.models.foreign_architectures import foreign_model
        from induction.models.suites.loading import load

        revision = self.revisions[step]
        kept = self.kept(step) if keep is None else keep / self.kept(step).name
        kept = kept if kept.exists() or keep is not None else None
        with self.source.weights(revision, kept) as path:
            loaded = load(path, self.name_of(step), self.suite.pickle)
            rows = loaded.model.config.vocab_size
            if vocab_size > rows:
                raise StageError(
                    f"{self.name_of(step)}: the model has {rows:,} tokens, its tokenizer "
                    f"{vocab_size:,}; set tokenizer to that which the model was trained with"
                )
            model = foreign_model(loaded.model, vocab_size).to(device)
            yield (
                model,
                Fetched(
                    revision.tokens,
                    revision.commit,
                    loaded.sha256,
                    loaded.dtype,
                    revision.licence,
                    vocab_size,
                ),
            )

    def kept(self, step: int) -> Path:
        """Where the weights of a hub stay, if they do."""
        return layout.fetched(self.job.instance).path / f"step_{step:09d}"

    def check_same(self, fetched: Fetched, now: Fetched) -> None:
        """Raise StageError if the weights are not those that stage fetch saw."""
        if fetched.sha256 != now.sha256:
            source = layout.fetched(self.job.instance)
            raise StageError(
                f"{source.path}: the weights of {self.suite.at} are no longer those that it names; "
                f"{rebuild(source.stage)}"
            )
