"""Checkpoints in a repository of the Hugging Face hub, one of them on this disk at a time."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from induction.config.suites import STEP, Suite
from induction.models.suites.files import CONFIG, weight_files
from induction.models.suites.hub import Hub
from induction.models.suites.named_tokenizer import named_tokenizer
from induction.models.suites.revision import Revision, SuiteSource
from induction.tables.atomic import remove


class HubSource(SuiteSource):
    def __init__(self, name: str, suite: Suite, lock: Path, scratch: Path):
        self._name, self._suite, self._lock, self._scratch = name, suite, lock, scratch
        key = f"suites.{name}"
        self._hub = Hub(suite.at, f"{key}.at", f"{key}.revision", lock, scratch)

    def revisions(self) -> list[Revision]:
        return [self._revision(step) for step in self._suite.steps]

    def _revision(self, step: int) -> Revision:
        name = self._suite.revision.replace(STEP, str(step)) or "main"
        commit, each = self._hub.resolve(name), self._suite.tokens_per_step
        tokens = None if each is None else step * each
        return Revision(step, name, tokens, commit.commit, commit.licence)

    def tokenizer(self) -> Path:
        if self._suite.tokenizer:
            return named_tokenizer(self._name, self._suite, self._lock, self._scratch)
        first = self._revision(self._suite.steps[0])
        return self._hub.tokenizer(first.name, self._scratch / self._name)

    @contextmanager
    def weights(self, revision: Revision, keep: Path | None = None) -> Iterator[Path]:
        below = self._scratch / self._name / "weights"
        folder = below / revision.commit
        # What a killed process left of other checkpoints would fill the disk.
        for left in below.glob("*"):
            if left.name not in (folder.name, f"{folder.name}.partial"):
                remove(left)
        if keep is not None and self._hub.has_fetched(revision.commit, keep):
            yield keep
            return
        if not self._hub.has_fetched(revision.commit, folder):
            self._fetch(revision, folder)
        if keep is not None:
            _move(folder, keep)
            yield keep
            return
        try:
            yield folder
        finally:
            remove(folder)

    def _fetch(self, revision: Revision, folder: Path) -> None:
        files = self._hub.files(revision.commit)
        where = f"suites.{self._name}: {self._suite.at} at {revision.name}"
        names = weight_files(files, where, self._suite.pickle)
        # Where there is no config.json, reading the weights will say so.
        wanted = [files[name] for name in (CONFIG, *names) if name in files]
        size = sum(file.size for file in wanted)
        print(f"{where}: fetching {size / 1e6:,.1f} MB ...", file=sys.stderr)
        self._hub.fetch(revision.commit, wanted, folder)


def _move(folder: Path, target: Path) -> None:
    """Move a folder, perhaps to another disk; `target` is whole or not there."""
    partial = target.with_name(f"{target.name}.partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    remove(partial)
    shutil.move(folder, partial)
    remove(target)
    partial.rename(target)
