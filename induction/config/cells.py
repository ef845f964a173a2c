"""Sections `cells` and `published`: what is trained."""

from dataclasses import dataclass

from induction.config.strict import MAX_SEED, require_range, require_slug
from induction.config.train import TrainChanges

AS_ALL = TrainChanges()


@dataclass(frozen=True)
class Cell:
    """One entry of `cells` or `published`: a model and a seed.

    `corpus` names an entry of `corpora`; empty, it is the text of section `corpus`. `train` holds
    what this cell does otherwise than section `train` says.
    """

    model: str
    seed: int
    corpus: str = ""
    train: TrainChanges = AS_ALL

    @property
    def is_on_its_text(self) -> bool:
        """Whether it reads the text of section `corpus` in the way that section `train` says.

        The losses of such cells can stand beside each other, token by token.
        """
        return self.corpus == "" and self.train.text is None

    def check(self, key: str) -> None:
        require_slug(key, key.split(".", 1)[1])
        # It is looked up as `models.<name>`, where a dot would lead elsewhere.
        require_slug(f"{key}.model", self.model)
        if self.corpus:
            require_slug(f"{key}.corpus", self.corpus)
        require_range(self, key, ("seed",), 0, MAX_SEED)
