"""What every source of checkpoints offers, wherever these lie."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Revision:
    """One checkpoint, before its weights are read.

    step      optimiser steps that led to it
    name      what its source calls it: a revision of the hub, or a path below `at`
    tokens    read in training up to it; None where nothing says
    commit    of the hub; empty for what lies on this machine
    licence   from the front matter of its README.md; empty where that says nothing
    """

    step: int
    name: str
    tokens: int | None
    commit: str
    licence: str


class SuiteSource(ABC):
    """The checkpoints of one suite. Every method raises StageError where it cannot."""

    @abstractmethod
    def revisions(self) -> list[Revision]:
        """The checkpoints that the suite names, ascending by step."""

    @abstractmethod
    def tokenizer(self) -> Path:
        """A folder with the files of the tokenizer."""

    @abstractmethod
    def weights(self, revision: Revision, keep: Path | None = None) -> AbstractContextManager[Path]:
        """What `load` takes: a folder with config.json and weights, or a file of nanoGPT.

        Weights of a hub are deleted on exit, or else moved to `keep`, from where the next call
        takes them. What lies on this machine stays where it is.
        """
