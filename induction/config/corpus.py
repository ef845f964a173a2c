"""Section `corpus`: the text, its tokens, the fixed evaluation set."""

import re
from dataclasses import dataclass
from typing import Literal

from induction.config.strict import MAX_SEED, changed, require, require_range

# The name of a distribution (PEP 508), in ASCII.
PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
MAX_CHARACTERS = 10**9  # of all text together, which is held in memory


@dataclass(frozen=True)
class Evaluation:
    """The fixed evaluation set: `sequences` windows of n_ctx tokens from held-out documents."""

    sequences: int
    held_out: float

    def check(self, key: str) -> None:
        require_range(self, key, ("sequences",), 2, 32_767, "the tables number them in 16 bits")
        require(
            0 < self.held_out < 1,
            f"{key}.held_out",
            self.held_out,
            "a share in (0, 1)",
            "correct it",
        )


@dataclass(frozen=True)
class CorpusChanges:
    """One entry of `corpora`: another text, cut into tokens and windows in the same way."""

    source: Literal["packages", "docstrings", "files"] | None = None
    packages: tuple[str, ...] | None = None
    files: str | None = None
    text_column: str | None = None
    max_characters: int | None = None
    min_characters: int | None = None


@dataclass(frozen=True)
class CorpusSettings:
    source: Literal["packages", "docstrings", "files"]
    packages: tuple[str, ...]
    exclude_names: tuple[str, ...]
    files: str
    text_column: str
    max_characters: int
    min_characters: int
    tokenizer_characters: int
    vocab_size: int
    n_ctx: int
    seed: int
    evaluation: Evaluation

    def check(self, key: str) -> None:
        require(
            self.source == "files" or len(self.packages) > 0,
            f"{key}.packages",
            list(self.packages),
            f"at least one installed package, because source is {self.source!r}",
            "name one, or set corpus.source: files",
        )
        require(
            self.source != "files" or self.files != "",
            f"{key}.files",
            self.files,
            "a glob such as texts/**/*.txt, because source is 'files'",
            "give one, or set corpus.source: packages",
        )
        for i, name in enumerate(self.packages):
            require(
                PACKAGE.fullmatch(name) is not None,
                f"{key}.packages[{i}]",
                name,
                "the name of a package on PyPI: letters, digits, and . _ - between them",
                "correct it",
            )
        self._check_files(f"{key}.files")
        # 256 bytes and the end-of-text token are always in a byte-level vocabulary.
        require_range(self, key, ("vocab_size",), 258, 65_535, "ids are stored in 16 bits")
        require_range(self, key, ("n_ctx",), 16, 32_767, "the tables number positions in 16 bits")
        sizes = ("max_characters", "min_characters", "tokenizer_characters")
        require_range(self, key, sizes, 1, MAX_CHARACTERS, "text is held in memory")
        require_range(self, key, ("seed",), 0, MAX_SEED)
        tokens = self.evaluation.sequences * self.n_ctx
        require(
            tokens <= 10**8,
            f"{key}.evaluation.sequences",
            self.evaluation.sequences,
            f"at most 100,000,000 tokens of evaluation, not {tokens:,} (each has a loss at every "
            "checkpoint)",
            "lower it or n_ctx",
        )

    def changed(self, changes: CorpusChanges, key: str) -> "CorpusSettings":
        """The corpus of the entry of `corpora` at `key`."""
        return changed(self, changes, key)

    def _check_files(self, key: str) -> None:
        """The glob stays in the project: whoever runs another's params.yaml publishes, with the
        tables, what it reads. Hidden files hold secrets (.git, .dvc/config.local, .env)."""
        parts = [part for part in self.files.split("/") if part != "."]
        require(
            not self.files.startswith("/") and ".." not in parts,
            key,
            self.files,
            "a glob inside the project, relative and without ..",
            "put the folder into the project, or a link to it",
        )
        require(
            not any(part.startswith(".") for part in parts),
            key,
            self.files,
            "a glob without hidden files and folders",
            "rename or link what is meant",
        )
