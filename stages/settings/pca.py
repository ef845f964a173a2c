"""Section `pca`: the joint PCA of the loss vectors."""

from dataclasses import dataclass

from stages.settings.strict import require


@dataclass(frozen=True)
class Pca:
    components: int

    def check(self, key: str) -> None:
        require(
            2 <= self.components <= 10, f"{key}.components", self.components, "2 … 10", "correct it"
        )
