"""The checkpoints of a cell that is a suite, as models, one at a time."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

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
from induction.tables.atomic import write
from induction.tables.fetch import FETCHED
from induction.tables.parquet import read_table

if TYPE_CHECKING:
    from induction.models.suites.loading import Loaded


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
    """Those of `cell`, which is the suite `name` of params.yaml."""

    def __init__(self, cell: str, name: str, suite: Suite):
        self.cell, self.name, self.suite = cell, name, suite
        self.source = source_of_suite(name, suite)

    @cached_property
    def revisions(self) -> dict[int, Revision]:
        return {revision.step: revision for revision in self.source.revisions()}

    def name_of(self, step: int) -> str:
        """As errors name it."""
        return f"suites.{self.name}: {self.suite.at}, {self.revisions[step].name}"

    def fetched(self) -> dict[int, Fetched]:
        """Table `checkpoints` of this cell, by step."""
        rows = read_table(FETCHED, layout.source_of(FETCHED, self.cell))
        steps = rows.pop("step").tolist()
        columns = {name: values.tolist() for name, values in rows.items()}
        columns["tokens"] = [None if math.isnan(n) else int(n) for n in columns["tokens"]]
        return {
            step: Fetched(**{name: values[i] for name, values in columns.items()})
            for i, step in enumerate(steps)
        }

    @contextmanager
    def loaded(self, step: int, keep: Path | None = None) -> "Iterator[Loaded]":
        """A checkpoint as a model of `transformers`. Weights of a hub are gone when this ends,
        unless they stay below the folder `keep`, or were kept before."""
        # transformers takes seconds to import, and stages of models of ours do without.
        from induction.models.suites.loading import load

        kept = self._kept(keep or layout.fetched(self.cell).path, step)
        is_kept = keep is not None or kept.exists()
        with self.source.weights(self.revisions[step], kept if is_kept else None) as path:
            yield load(path, self.name_of(step), self.suite.pickle)

    @contextmanager
    def opened(
        self, step: int, device: torch.device, vocab_size: int, keep: Path | None = None
    ) -> Iterator[tuple[ForeignModel, Fetched]]:
        """The same as a model to measure, and what it is; `vocab_size` is its tokenizer's."""
        from induction.models.foreign_architectures import foreign_model

        with self.loaded(step, keep) as loaded:
            rows = loaded.model.config.vocab_size
            if vocab_size > rows:
                raise StageError(
                    f"{self.name_of(step)}: the model has {rows:,} tokens, its tokenizer "
                    f"{vocab_size:,}; set tokenizer to that which the model was trained with"
                )
            revision = self.revisions[step]
            yield (
                foreign_model(loaded.model, vocab_size).to(device),
                Fetched(
                    revision.tokens,
                    revision.commit,
                    loaded.sha256,
                    loaded.dtype,
                    revision.licence,
                    vocab_size,
                ),
            )

    @staticmethod
    def _kept(folder: Path, step: int) -> Path:
        return folder / f"step_{step:09d}"

    def check_same(self, fetched: Fetched, now: Fetched) -> None:
        """Raise StageError if the weights are not those that stage fetch saw."""
        if fetched.sha256 != now.sha256:
            source = layout.fetched(self.cell)
            raise StageError(
                f"{source.path}: the weights of {self.suite.at} are no longer those that it names; "
                f"{rebuild(source.stage)}"
            )
