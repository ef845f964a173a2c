"""Section `corpus`: the text, its tokens, the fixed evaluation set."""

from dataclasses import dataclass
from typing import Literal

from stages.settings.strict import require


@dataclass(frozen=True)
class Evaluation:
    """The fixed evaluation set: `sequences` windows of n_ctx tokens from held-out documents."""

    sequences: int
    held_out: float

    def check(self, key: str) -> None:
        require(
            2 <= self.sequences <= 32_767,
            f"{key}.sequences",
            self.sequences,
            "2 … 32767 (the tables number sequences in 16 bits)",
            "correct it",
        )
        require(
            0 < self.held_out < 1,
            f"{key}.held_out",
            self.held_out,
            "a share in (0, 1)",
            "correct it",
        )


@dataclass(frozen=True)
class Corpus:
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
        # 256 bytes and the end-of-text token are always in a byte-level vocabulary.
        require(
            258 <= self.vocab_size <= 65_535,
            f"{key}.vocab_size",
            self.vocab_size,
            "258 … 65535 (all bytes and end-of-text; ids are stored in 16 bits)",
            "correct it",
        )
        require(
            16 <= self.n_ctx <= 32_767,
            f"{key}.n_ctx",
            self.n_ctx,
            "16 … 32767 tokens",
            "correct it",
        )
        for name in ("max_characters", "min_characters", "tokenizer_characters"):
            value = getattr(self, name)
            require(value >= 1, f"{key}.{name}", value, "an integer of at least 1", "correct it")
