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

# Numbers that are in memory at once, and what they take there: 4 bytes each, training 16.
MAX_WEIGHTS = 10**9
MAX_PATTERNS = 10**10
MAX_LOGITS = 5 * 10**8
MAX_DRAWS = 10**8


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
        self.train.check_fits("train", n_ctx)
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
        self._check_memory()

    def _check_memory(self) -> None:
        """Raise ParamsError for sizes that are possible one by one, and too much together."""
        n_ctx, vocab_size = self.corpus.n_ctx, self.corpus.vocab_size

        def fit(size: int, most: int, key: str, found: int, what: str, remedy: str) -> None:
            require(size <= most, key, found, f"at most {most:,} {what}, not {size:,}", remedy)

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
        in_text, in_probes = heads.text_sequences * n_ctx**2, heads.sequences * heads.longest**2
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
