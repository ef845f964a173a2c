"""Section `losses`: how the evaluation set is fed."""

from dataclasses import dataclass

from induction.config.strict import require_range


@dataclass(frozen=True)
class LossSettings:
    batch: int

    def check(self, key: str) -> None:
        require_range(self, key, ("batch",), 1, 65_536, "their activations fill the memory")
