"""Section `suites`: checkpoints that others trained, and where they lie."""

from typing import Annotated, Literal

from pydantic import Field

from induction.config.errors import ABSENT, require
from induction.config.names import A_SLUG, SLUG
from induction.config.strict import Listed, Pair, Text, settings, within

# Where a revision or a file name holds the number of the step.
STEP = "{step}"
MAX_STEP = 2**31 - 1
Step = Annotated[int, within(0, MAX_STEP, "the tables number them in 32 bits")]
TokenId = Annotated[int, within(0, 2**31 - 1, "the tables number them in 32 bits")]


@settings
class Suite:
    """One entry of `suites`: checkpoints of one model, in the order of its training.

    source           what lies at `at`:
                     folder   a folder of folders, each written by `save_pretrained`, or of one
                     trainer  the output folder of a `transformers.Trainer`
                     nanogpt  a folder of nanoGPT's ckpt.pt files, or of one
                     hub      a repository of the Hugging Face hub, with a revision per checkpoint
    at               a path, absolute or from the project's folder; for hub, owner/name
    revision         names a checkpoint, with {step} for its number: a revision of the hub, a folder
                     or a file below `at`. Empty: checkpoint-{step} of a trainer, ckpt.pt of
                     nanoGPT, main of a hub, and `at` itself for a folder
    steps            optimiser steps of the checkpoints to read, ascending; empty: all there are,
                     which a hub cannot list
    tokens_per_step  tokens of an optimiser step, for trainers whose trainer_state.json has not
                     counted them and for all others. null: where nothing says it, training is
                     measured in steps
    same             pairs of neighbouring steps that are known to hold the same weights; equal
                     neighbours are an error otherwise, as they come of a mistake in an upload
    bos              id of the token that the model was trained to find first in every sequence, or
                     none
    corpus           an entry of `corpora` to measure on; empty: the text of section `corpus`
    tokenizer        where the tokenizer lies, if not beside the weights: a folder, or owner/name of
                     the hub
    pickle           refuse, or weights_only: read pickled weights (.bin, .pt) where there are no
                     safetensors, with a loader that runs no code
    keep             whether weights of a hub stay in data/fetch/ after they were measured, for DVC
                     to keep and share
    """

    source: Literal["folder", "trainer", "nanogpt", "hub"]
    at: Annotated[str, Field(min_length=1, pattern=r"^\P{Cc}*$", description="a path or name")]
    bos: TokenId | Literal["none"]
    revision: Text = ""
    steps: Listed[Step] = ()
    tokens_per_step: Annotated[int, within(1, 10**12, "no step has more")] | None = None
    same: Listed[Pair[Step]] = ()
    corpus: Annotated[str, Field(pattern=f"^({SLUG.pattern})?$", description=A_SLUG)] = ""
    tokenizer: Text = ""
    pickle: Literal["refuse", "weights_only"] = "refuse"
    keep: bool = False

    def __post_init__(self) -> None:
        steps = list(self.steps)
        require(
            steps == sorted(set(steps)), "steps", steps, "each once, ascending", "sort the list"
        )
        is_hub = self.source == "hub"
        require(
            not is_hub or self.steps != (),
            "steps",
            steps or ABSENT,
            "at least one step, because a hub cannot list them",
            "name those to read",
        )
        # Trainers have a name of their own for them.
        is_series = len(steps) > 1 and not (self.source == "trainer" and not self.revision)
        require(
            not is_series or STEP in self.revision,
            "revision",
            self.revision,
            f"a name with {STEP}, because there are several steps",
            f"write one, such as step{STEP}",
        )
        require(
            self.source != "nanogpt" or self.pickle == "weights_only",
            "pickle",
            self.pickle,
            "weights_only, because checkpoints of nanoGPT are pickles",
            "write it to read them with a loader that runs no code",
        )
        for early, late in self.same:
            require(
                early < late,
                "same",
                [early, late],
                "an earlier step, then a later one",
                "turn them round",
            )
