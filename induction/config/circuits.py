"""Section `circuits`: which checkpoints are read, how much of each, and what is a circuit."""

from dataclasses import dataclass
from typing import Literal

from induction.config.strict import require, require_range

Moment = Literal["first", "start", "middle", "end", "last"]


@dataclass(frozen=True)
class CircuitRule:
    diagonal: float
    copying: float
    necessary: float

    def check(self, key: str) -> None:
        require_range(self, key, ("diagonal", "copying"), 0.0, 1.0)
        require_range(self, key, ("necessary",), 0.0, 100.0)


@dataclass(frozen=True)
class ShownSettings:
    block: int
    repeats: int
    text: int
    offsets: int

    def check(self, key: str) -> None:
        require_range(self, key, ("block", "text"), 2, 128, "each pair of positions is a row")
        require_range(self, key, ("repeats",), 2, 16)
        require_range(self, key, ("offsets",), 2, 128)
        length = 1 + self.block * self.repeats
        require(
            length <= 256,
            f"{key}.block",
            self.block,
            f"a probe of at most 256 tokens, got {length}",
            "lower block or repeats",
        )


@dataclass(frozen=True)
class CircuitSettings:
    checkpoints: tuple[Moment, ...]
    sequences: int
    trial_sequences: int
    replacements: tuple[Literal["mean", "zero"], ...]
    rule: CircuitRule
    sources: int
    entries: int
    columns: int
    min_count: int
    context: int
    counted: int
    among: int
    min_seen: int
    shown: ShownSettings

    def check(self, key: str) -> None:
        for name in ("checkpoints", "replacements"):
            found = getattr(self, name)
            require(len(found) > 0, f"{key}.{name}", list(found), "at least one", "add one")
            require(
                len(set(found)) == len(found), f"{key}.{name}", list(found), "each once", "drop one"
            )
        names = ("sequences", "trial_sequences")
        require_range(self, key, names, 2, 1_000, "their activations are in memory at once")
        require_range(self, key, ("sources",), 1, 100_000)
        require_range(self, key, ("entries", "columns", "among"), 1, 1_000)
        require_range(self, key, ("min_count", "min_seen"), 1, 10**9)
        require_range(self, key, ("context",), 2, 1_000_000)
        require_range(self, key, ("counted",), 1_000, 100_000_000, "they are sorted in memory")

    def check_fits(self, key: str, n_ctx: int, eval_sequences: int) -> None:
        for name in ("sequences", "trial_sequences"):
            require(
                getattr(self, name) <= eval_sequences,
                f"{key}.{name}",
                getattr(self, name),
                f"at most corpus.evaluation.sequences = {eval_sequences}",
                "lower it or enlarge the evaluation set",
            )
        own = self.shown
        for name, length in (
            ("block", 1 + own.block * own.repeats),
            ("text", own.text),
            ("offsets", own.offsets),
        ):
            require(
                length < n_ctx,
                f"{key}.shown.{name}",
                getattr(own, name),
                f"fewer than corpus.n_ctx = {n_ctx} tokens, got {length}",
                "lower it",
            )
