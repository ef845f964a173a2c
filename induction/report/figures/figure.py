"""A figure of the report: one entry says what it draws, where it stands and what its caption is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from induction.report.figures.frame import Drawing
from induction.report.rows import Results, Rows


class Section(StrEnum):
    """The headings of figures, in the order of summary.md."""

    ANSWER = "In one figure"
    SCORE = "A sharper score"
    SMEARING = "What smeared keys show"
    ICL = "In-context learning and its change"
    HEADS = "What the heads are"
    ABLATIONS = "What the heads carry"
    CIRCUITS = "Circuits, read from the weights"
    DATES = "When each signal changes"
    SETS = "What sets of heads carry at the end of training"


@dataclass(frozen=True)
class TableRow:
    """A figure as a row of the model analysis table, its panels as cells.

    `value` is the column that the page reads out at a training step, among the rows that match
    `where`; `lines` says what a line of a panel is: seed, head, path or map. `scale` gives the
    name of a colour scale and the text at its ends.
    """

    title: str
    value: str
    lines: str
    where: Mapping[str, str] = field(default_factory=dict)
    scale: Callable[[Rows], tuple[str, str, str]] | None = None
    absent: str = "not for this model"


Sentences = tuple[tuple[Callable[[Results], bool], str], ...]


@dataclass(frozen=True)
class Figure:
    """`draw` is given the rows of `query` that `keep` holds for, and the results of all queries;
    without such rows there is no figure. The sentences of `also` end the caption where what they
    speak of is in the study.

    The page offers the rows of `query` as CSV where `has_csv`. A figure that `is_file` lies in
    figures/, for README and summary.md; the others are in the pages alone.
    """

    draw: Callable[[Rows, Results], Drawing]
    query: str
    section: Section
    caption: str
    keep: Callable[[dict[str, Any]], bool]
    row: TableRow | None
    is_file: bool
    has_csv: bool
    also: Sentences = ()

    @property
    def name(self) -> str:
        return self.draw.__name__

    def rows(self, results: Results) -> Rows:
        return [row for row in results[self.query] if self.keep(row)]

    def of_study(self, results: Results) -> "Figure":
        """This figure with the caption that it has in this study."""
        said = [sentence for is_so, sentence in self.also if is_so(results)]
        return replace(self, caption=" ".join([self.caption, *said]), also=())

    def drawing(self, results: Results) -> Drawing | None:
        rows = self.rows(results)
        return self.draw(rows, results) if rows else None


def figure(
    query: str,
    section: Section,
    caption: str,
    *,
    keep: Callable[[dict[str, Any]], bool] = lambda row: True,
    row: TableRow | None = None,
    is_file: bool = False,
    has_csv: bool = True,
    also: Sentences = (),
) -> Callable[[Callable[[Rows, Results], Drawing]], Figure]:
    """Make a drawing function the figure of its name."""
    return lambda draw: Figure(draw, query, section, caption, keep, row, is_file, has_csv, also)


def has_seeds(results: Results) -> bool:
    """Whether a model was trained from several seeds."""
    windows = results["windows"]
    return len(windows) > len({row["panel"] for row in windows})


def has_periodic_text(results: Results) -> bool:
    return any(row["is_periodic"] for row in results["windows"])


def has_other_text(results: Results) -> bool:
    """Whether a model reads another text than the study's: its vocabulary is not at hand."""
    return any(row["chance"] is None for row in results["repeats"])


LOWEST_SEED = ((has_seeds, "Shown is the lowest seed of each model."),)
