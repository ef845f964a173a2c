"""What is to be done: which stages of which cells are out of date, and in which order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from induction.config.errors import StageError
from induction.config.remedy import address
from induction.config.study import Study
from induction.pipeline import costs
from induction.pipeline.artifacts import Artifact
from induction.pipeline.declarations import stages, writer_of
from induction.pipeline.environment import DVC, run
from induction.pipeline.layout import label
from induction.tables.heads import HEADS
from induction.tables.icl import ICL

RESULT = (ICL, HEADS)  # the tables that tell the result of a cell
MISSING = "deleted"  # what DVC says of an output that is not here, and has not changed otherwise


@dataclass(frozen=True)
class Work:
    """The stages of a cell that DVC has to look at: those of its result, then the others.

    `result` is empty if the result is there and up to date.
    """

    cell: str
    result: list[str]
    rest: list[str]


def corpus_targets(corpora: list[str]) -> list[str]:
    """What DVC calls the stages that make these corpora."""
    return [
        address(label(stage.name, name))
        for name in corpora
        for stage in stages().values()
        if stage.per == "corpus"
    ]


def cell_targets(study: Study, cells: list[str]) -> list[str]:
    """What DVC calls the stages of these cells."""
    return [address(label(name, cell)) for cell in cells for name in stages_of(study, cell)]


def stages_of(study: Study, cell: str) -> list[str]:
    """The stages that run for a cell, from the first; a suite has a report of its own."""
    kinds = ("cell", "suite", "grid") if study.every_cell[cell].suite else ("cell", "trained")
    return [stage.name for stage in stages().values() if stage.per in kinds]


def in_order(study: Study, cells: list[str], first: list[str], jobs: int) -> list[str]:
    """The cells `first` as they were named, then the others of `cells`.

    One after the other they follow params.yaml; side by side those that take longest come first, so
    that nobody idles at the end while one cell is still at work.
    """
    others = [cell for cell in cells if cell not in first]
    if jobs > 1:
        others.sort(key=lambda cell: -_flop(study, cell))
    return [*dict.fromkeys(first), *others]


def _flop(study: Study, cell: str) -> float:
    """Of a suite they are not known yet; it takes longer than most."""
    if study.every_cell[cell].suite:
        return float("inf")
    return sum(costs.work_of(study, name, cell, {}).flop for name in stages_of(study, cell))


def outdated(asked: list[str]) -> set[str]:
    """Which of the stages asked for DVC would run, by its names; a dvc.yaml stands for all of its.

    Those that depend on them, and would run if these change, come on top.
    """
    return set(changes(asked))


def changes(asked: list[str]) -> Mapping[str, list]:
    """What DVC says of each of the stages asked for that is out of date."""
    done = run([*DVC, "--wait-for-lock", "status", "--json", *asked], capture_output=True)
    try:
        return json.loads(done.stdout)
    except ValueError:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
        raise StageError(
            f"dvc status: found no answer, it said {said[-1]!r}; run `dvc status` to see more"
        ) from None


def work(study: Study, cells: list[str], stale: set[str]) -> list[Work]:
    """What is to be done for the cells, given the stages that are out of date themselves."""
    result = set().union(*map(_needed_for, RESULT))
    works = []
    for cell in cells:
        names = {name: address(label(name, cell)) for name in stages_of(study, cell)}
        # What is fetched of a suite stands in for what is trained.
        in_result = {name for name in names if name in result or stages()[name].per == "suite"}
        first = [each for name, each in names.items() if name in in_result]
        rest = [each for name, each in names.items() if name not in in_result]
        if stale & {*first, *rest}:
            works.append(Work(cell, first if stale & {*first} else [], rest))
    return works


def _needed_for(artifact: Artifact) -> set[str]:
    """The stages that make an artifact, from the first."""
    stage = writer_of(artifact)
    return {stage.name}.union(*map(_needed_for, stage.artifacts_read))
