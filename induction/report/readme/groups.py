"""The cells that are shown, by what they are: models as in the paper, and variations of them."""

from collections.abc import Callable
from dataclasses import dataclass

from induction.config.cells import AS_ALL, Cell
from induction.config.study import Study
from induction.report.formatting import listed
from induction.report.panels import panels
from induction.report.readme import shown
from induction.report.summary import variation
from induction.report.wording import counted, kinds_of_models, plural


@dataclass(frozen=True)
class Group:
    """Cells that differ in nothing but the seed, the lowest seed first.

    `is_main` are those of a model as the paper has it, on the study's text and trained like all.
    """

    kind: str
    variation: str
    is_main: bool
    cells: list[str]

    @property
    def name(self) -> str:
        """In a sentence, as `the two-layer models with MLPs`."""
        return f"the {self.kind if len(self.cells) == 1 else plural(self.kind)}"


def groups(study: Study) -> list[Group]:
    """In the order of the page."""
    grid = shown.cells(study)
    kinds = kinds_of_models(study.models)
    members: dict[str, list[str]] = {}
    for row in panels(grid):
        members.setdefault(row["panel"], []).append(row["cell"])
    return [
        Group(kinds[cell.model], variation(cell), _is_main(study, cell), names)
        for names in members.values()
        for cell in [grid[names[0]]]
    ]


def _is_main(study: Study, cell: Cell) -> bool:
    positions = study.models[cell.model].positions
    return cell.is_on_its_text and cell.train == AS_ALL and positions == "qk_sinusoidal"


def main(study: Study) -> list[Group]:
    return [group for group in groups(study) if group.is_main]


def where(study: Study, holds: Callable[[str], bool]) -> str:
    """In which of the main models something holds: `in all seeds of A; in two of three seeds of B;
    in no seed of C`; with one seed of each, `in A, and not in B`."""
    shown_groups = main(study)
    has_seeds = any(len(group.cells) > 1 for group in shown_groups)
    seeds = " seeds of the" if has_seeds else ""
    every, some, none = [], [], []
    for group in shown_groups:
        count = sum(map(holds, group.cells))
        if count == len(group.cells):
            every.append(group.name)
        elif count:
            some.append(f"{counted(count)} of {counted(len(group.cells))} seeds of {group.name}")
        else:
            none.append(group.name)
    if not some and not (every and none):
        many = counted(len(shown_groups))
        return f"in all{seeds} {many} models" if every else f"in none of the {many} models"
    if not has_seeds:
        return f"in {listed(every)}, and not in {listed(none)}"
    parts = [f"in all seeds of {listed(every)}"] if every else []
    parts += [f"in {part}" for part in some]
    parts += [f"in no seed of {listed(none)}"] if none else []
    return "; ".join(parts)
