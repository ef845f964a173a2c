"""All of `params.yaml` at once: every section, and what must hold between them."""

from dataclasses import dataclass
from typing import Literal

from stages.settings.ablations import Ablations
from stages.settings.corpus import Corpus
from stages.settings.heads import Heads
from stages.settings.icl import Icl
from stages.settings.losses import Losses
from stages.settings.model import Cell, Model
from stages.settings.pca import Pca
from stages.settings.report import Report
from stages.settings.strict import ParamsError, require
from stages.settings.train import Train


@dataclass(frozen=True)
class Study:
    device: Literal["auto", "cpu", "cuda"]
    corpus: Corpus
    models: dict[str, Model]
    cells: dict[str, Cell]
    train: Train
    losses: Losses
    icl: Icl
    pca: Pca
    heads: Heads
    ablations: Ablations
    report: Report

    def check(self, key: str) -> None:
        """Raise ParamsError for combinations that no stage could run."""
        for section in ("models", "cells"):
            found = getattr(self, section)
            require(len(found) > 0, section, {}, "at least one entry", "add one below it")
        for name, cell in self.cells.items():
            require(
                cell.model in self.models,
                f"cells.{name}.model",
                cell.model,
                f"one of the models {', '.join(self.models)}",
                "correct it, or add the model",
            )
        seen: dict[Cell, str] = {}
        for name, cell in self.cells.items():
            if cell in seen:
                raise ParamsError(
                    f"cells.{name}",
                    f"{cell.model} with seed {cell.seed}",
                    f"another model or seed than cell {seen[cell]}",
                    "remove one of the two",
                )
            seen[cell] = name
        n_ctx = self.corpus.n_ctx
        self.icl.check_fits("icl", n_ctx)
        self.heads.check_fits("heads", n_ctx, self.corpus.vocab_size)
        self.ablations.check_fits("ablations", self.corpus.evaluation.sequences)
        require(
            self.heads.text_sequences <= self.corpus.evaluation.sequences,
            "heads.text_sequences",
            self.heads.text_sequences,
            f"at most corpus.evaluation.sequences = {self.corpus.evaluation.sequences}",
            "lower it",
        )
