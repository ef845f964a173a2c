"""Section `losses`: how the evaluation set is fed."""

from dataclasses import dataclass

from stages.settings.strict import require


@dataclass(frozen=True)
class Losses:
    batch: int

    def check(self, key: str) -> None:
        require(self.batch >= 1, f"{key}.batch", self.batch, "at least 1", "correct it")
