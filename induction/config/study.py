"""All of `params.yaml` at once: every section, and what must hold between them."""

from collections.abc import Iterable
from typing import Literal

from induction.config.ablations import AblationSettings
from induction.config.cells import Cell
from induction.config.circuits import CircuitSettings
from induction.config.claims import ClaimSettings
from induction.config.corpus import CorpusChanges, CorpusSettings, check_available
from induction.config.errors import ParamsError, require
from induction.config.heads import HeadSettings
from induction.config.icl import IclSettings
from induction.config.interventions import InterventionSettings
from induction.config.losses import LossSettings
from induction.config.model import Architecture
from induction.config.names import PUBLISHED, SUITES
from induction.config.pca import PcaSettings
from induction.config.phases import PhaseSettings
from induction.config.report import ReportSettings
from induction.config.strict import Named, NamedOrMore, settings
from induction.config.suites import Suite
from induction.config.train import TrainLength, TrainSettings

# Numbers that are in memory at once, 4 bytes each (weights in training: 16).
MAX_WEIGHTS = 10**9
MAX_PATTERNS = 10**10
MAX_LOGITS = 2**29
MAX_DRAWS = 10**8


@settings
class Study:
    device: Literal["auto", "cpu", "cuda"]
    corpus: CorpusSettings
    corpora: Named[CorpusChanges]
    suites: Named[Suite]
    models: NamedOrMore[Architecture]
    cells: NamedOrMore[Cell]
    published: Named[Cell]
    train: TrainSettings
    published_train: TrainLength
    losses: LossSettings
    icl: IclSettings
    pca: PcaSettings
    heads: HeadSettings
    ablations: AblationSettings
    interventions: InterventionSettings
    circuits: CircuitSettings
    phases: PhaseSettings
    claims: ClaimSettings
    report: ReportSettings

    def __post_init__(self) -> None:
        """Raise ParamsError for combinations that no stage could run."""
        n_ctx, evaluation = self.corpus.n_ctx, self.corpus.evaluation
        sequences = evaluation.sequences
        self._check_cells(n_ctx)
        self._check_suites()
        for name, changes in self.corpora.items():
            self._check_name("corpora", name)
            self.corpus.changed(changes, f"corpora.{name}")
        self.icl.check_fits("icl", evaluation.tokens)
        self.heads.check_fits("heads", n_ctx, self.corpus.vocab_size)
        self.ablations.check_fits("ablations", sequences)
        self.interventions.check_fits("interventions", sequences)
        self.circuits.check_fits("circuits", evaluation.tokens, sequences)
        most = 2 * self.heads.largest_block
        require(
            self.circuits.shown.block <= most,
            "circuits.shown.block",
            self.circuits.shown.block,
            f"at most {most}, twice the largest block of heads, for which there are tokens",
            "lower it or raise heads.lengths",
        )
        check_available("heads.text_sequences", self.heads.text_sequences, sequences)
        self._check_memory()

    @property
    def every_cell(self) -> dict[str, Cell]:
        """Cells of the default study, then those of the published run."""
        return self.cells | self.published

    def grids(self) -> dict[str, list[str]]:
        """The cells that are reported together, sorted; the default study's grid has no name.

        Each cell is in one: those of a grid are trained for as long, so that they can be compared.
        A suite, which has other tokens and other steps, is a grid of its own.
        """
        published = {PUBLISHED: sorted(self.published)} if self.published else {}
        suites = {name: [name] for name, cell in sorted(self.cells.items()) if cell.suite}
        return {"": sorted(self.trained_cells(self.cells))} | published | suites

    def comparable(self, grid: str) -> list[str]:
        """The cells of a grid whose losses can be compared token by token, sorted."""
        return [cell for cell in self.grids()[grid] if self.every_cell[cell].is_comparable]

    def trained_cells(self, cells: Iterable[str]) -> list[str]:
        """Those of some cells that are models of ours."""
        return [name for name in cells if not self.every_cell[name].suite]

    def suite_of(self, cell: str) -> Suite | None:
        """The suite of foreign checkpoints that a cell is; None for a model of ours."""
        return self.suites.get(self.every_cell[cell].suite)

    def trained_as(self, cell: str) -> TrainSettings:
        """Section `train` as this cell has it."""
        if cell in self.cells:
            return self.train.of_cell(self.cells[cell].train, f"cells.{cell}")
        longer = self.train.of_published(self.published_train)
        return longer.of_cell(self.published[cell].train, f"{PUBLISHED}.{cell}")

    def _check_name(self, section: str, name: str) -> None:
        """Raise ParamsError if the name stands for something else in DVC's names of stages."""
        taken = {
            "cells": [],
            "published": [*self.cells],
            "corpora": [*self.every_cell],
            "suites": [*self.corpora],
        }[section]
        require(
            name not in (PUBLISHED, SUITES, *taken),
            f"{section}.{name}",
            name,
            f"a name that is not taken: neither {PUBLISHED!r} nor {SUITES!r}, and each of cells, "
            "published and corpora once (a suite may have the name of its cell)",
            "rename it, or remove one of the two",
        )

    def _check_cells(self, n_ctx: int) -> None:
        for section, cells in (("cells", self.cells), ("published", self.published)):
            seen: dict[Cell, str] = {}
            for name, cell in cells.items():
                key = f"{section}.{name}"
                self._check_name(section, name)
                if cell.suite:
                    self._check_suite_of_cell(section, key, cell)
                    continue
                require(
                    cell.model in self.models,
                    f"{key}.model",
                    cell.model,
                    f"one of the models {', '.join(self.models)}",
                    "correct it, or add the model",
                )
                require(
                    cell.corpus == "" or cell.corpus in self.corpora,
                    f"{key}.corpus",
                    cell.corpus,
                    f"one of the corpora {', '.join(self.corpora) or '(there are none)'}",
                    "correct it, remove it, or add the corpus",
                )
                if cell in seen:
                    raise ParamsError(
                        key,
                        f"{cell.model} with seed {cell.seed}",
                        f"something else than cell {seen[cell]}: another model, seed, corpus or "
                        "training",
                        "remove one of the two",
                    )
                seen[cell] = name
                self.trained_as(name).check_fits("train", n_ctx)

    def _check_suite_of_cell(self, section: str, key: str, cell: Cell) -> None:
        require(
            section == "cells",
            f"{key}.suite",
            cell.suite,
            "a model of ours, because the published run trains all its cells",
            "move the cell to cells",
        )
        require(
            cell.suite in self.suites,
            f"{key}.suite",
            cell.suite,
            f"one of the suites {', '.join(self.suites) or '(there are none)'}",
            "correct it, or add the suite",
        )
        twins = [name for name, other in self.cells.items() if other.suite == cell.suite]
        require(
            len(twins) == 1, f"{key}.suite", cell.suite, "each suite in one cell", "remove the rest"
        )

    def _check_suites(self) -> None:
        for name, suite in self.suites.items():
            self._check_name("suites", name)
            require(
                suite.corpus == "" or suite.corpus in self.corpora,
                f"suites.{name}.corpus",
                suite.corpus,
                f"one of the corpora {', '.join(self.corpora) or '(there are none)'}",
                "correct it, remove it, or add the corpus",
            )

    def _check_memory(self) -> None:
        """Raise ParamsError for sizes that are possible one by one, and too much together."""
        n_ctx, vocab_size = self.corpus.n_ctx, self.corpus.vocab_size

        def fit(size: int, most: int, key: str, value: int, what: str, remedy: str) -> None:
            require(size <= most, key, value, f"at most {most:,} {what}, not {size:,}", remedy)

        fit(
            n_ctx * vocab_size,
            MAX_LOGITS,
            "corpus.n_ctx",
            n_ctx,
            "logits of one sequence",
            "lower it or corpus.vocab_size",
        )
        fit(
            self.icl.bootstrap_draws * self.corpus.evaluation.sequences,
            MAX_DRAWS,
            "icl.bootstrap_draws",
            self.icl.bootstrap_draws,
            "draws × corpus.evaluation.sequences",
            "lower it",
        )
        heads = self.heads
        in_text = heads.text_sequences * self.corpus.evaluation.tokens**2
        in_probes = heads.sequences * heads.longest**2
        for name, model in self.models.items():
            fit(
                model.n_weights(vocab_size, n_ctx),
                MAX_WEIGHTS,
                f"models.{name}.d_model",
                model.d_model,
                "weights",
                "lower n_layers, d_model or d_mlp",
            )
            fit(
                (in_text + 2 * in_probes) * model.n_layers * model.n_heads,
                MAX_PATTERNS,
                f"models.{name}.n_heads",
                model.n_heads,
                "numbers in the attention patterns of stage heads",
                "lower n_heads, n_layers, heads.text_sequences or heads.sequences",
            )
