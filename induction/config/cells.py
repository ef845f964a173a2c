"""Sections `cells` and `published`: what is trained."""

from typing import Annotated

from pydantic import Field

from induction.config.names import A_SLUG, SLUG
from induction.config.strict import Seed, Slug, settings
from induction.config.train import TrainChanges

AS_ALL = TrainChanges()


@settings
class Cell:
    """One entry of `cells` or `published`: a model and a seed.

    `corpus` names an entry of `corpora`; empty, it is the text of section `corpus`. `train` holds
    what this cell changes in section `train`.
    """

    model: Slug
    seed: Seed
    corpus: Annotated[str, Field(pattern=f"^({SLUG.pattern})?$", description=A_SLUG)] = ""
    train: TrainChanges = AS_ALL

    @property
    def is_on_its_text(self) -> bool:
        """Whether it reads the text of section `corpus` in the way that section `train` says.

        The losses of such cells can be compared token by token.
        """
        return self.corpus == "" and self.train.text is None
