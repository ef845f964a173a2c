"""Neighbouring checkpoints with equal weights: a mistake in an upload, unless it is declared."""

from collections.abc import Sequence
from itertools import pairwise

from induction.config.errors import ParamsError
from induction.config.suites import Suite
from induction.models.suites.revision import Revision


def check_neighbours(name: str, suite: Suite, hashes: Sequence[tuple[Revision, str]]) -> None:
    """Raise StageError where weights stand still, in hashes of checkpoints ascending by step."""
    for (early, early_hash), (late, late_hash) in pairwise(hashes):
        if early_hash == late_hash and (early.step, late.step) not in suite.same:
            raise ParamsError(
                f"suites.{name}.steps",
                [early.step, late.step],
                f"other weights at each step, not the same in {early.name} and {late.name}",
                f"drop one of the two, or write same: [[{early.step}, {late.step}]]",
            )
