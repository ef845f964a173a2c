"""A file of the pipeline, with what is needed to name it in a query or an error."""

from dataclasses import dataclass
from pathlib import Path

from induction.config.errors import StageError
from induction.config.remedy import rebuild


@dataclass(frozen=True)
class Source:
    """`stage` is the label of the stage that writes the file, `cell` the cell it belongs to.

    In a view over the files of several cells, `cell` becomes a column.
    """

    path: Path
    stage: str
    cell: str | None = None

    def broken(self, fault: str) -> StageError:
        """The error to raise for a fault of the file that building it anew would mend."""
        return StageError(f"{self.path}: {fault}; {rebuild(self.stage)}")
