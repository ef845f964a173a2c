"""Section `pca`: the joint PCA of the loss vectors."""

from dataclasses import dataclass

from induction.config.strict import require_range


@dataclass(frozen=True)
class PcaSettings:
    components: int

    def check(self, key: str) -> None:
        require_range(self, key, ("components",), 2, 10)
