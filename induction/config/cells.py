"""Sections `cells` and `published`: what is measured, and if it is a model of ours, trained."""

from typing import Annotated

from pydantic import Field

from induction.config.errors import ABSENT, require
from induction.config.names import A_SLUG, SLUG
from induction.config.strict import Seed, settings
from induction.config.train import TrainChanges

AS_ALL = TrainChanges()
NO_SEED = -1
OptionalSlug = Annotated[str, Field(pattern=f"^({SLUG.pattern})?$", description=A_SLUG)]


@settings
class Cell:
    """One entry of `cells` or `published`: a model and a seed, or a suite of foreign checkpoints.

    `corpus` names an entry of `corpora`; empty, it is the text of section `corpus`. `train` holds
    what this cell changes in section `train`. `suite` names an entry of `suites`, which says all
    of this for itself.
    """

    model: OptionalSlug = ""
    seed: Seed = NO_SEED
    corpus: OptionalSlug = ""
    train: TrainChanges = AS_ALL
    suite: OptionalSlug = ""

    def __post_init__(self) -> None:
        if self.suite:
            others = (self.model, self.seed, self.corpus, self.train)
            is_alone = others == ("", NO_SEED, "", AS_ALL)
            require(is_alone, "suite", self.suite, "no other key beside it", "remove the others")
            return
        add = "add it (params.yaml has no defaults)"
        require(self.model != "", "model", ABSENT, A_SLUG, add)
        require(self.seed != NO_SEED, "seed", ABSENT, "an integer", add)

    @property
    def name(self) -> str:
        """Of its model or of its suite."""
        return self.suite or self.model

    @property
    def corpus_instance(self) -> str:
        """The instance of stage `corpus` whose tokens it reads: a suite has its own tokenizer."""
        return self.suite or self.corpus

    @property
    def is_comparable(self) -> bool:
        """Whether its losses can be compared token by token with those of its grid: a suite is a
        grid of its own."""
        return self.suite != "" or self.is_on_its_text

    @property
    def is_on_its_text(self) -> bool:
        """Whether it reads the text of section `corpus` in the way that section `train` says.

        The losses of such cells can be compared token by token.
        """
        return self.corpus_instance == "" and self.train.text is None
