"""The tables of the catalogue as files."""

from induction.config.paths import DATA
from induction.pipeline.cells import label
from induction.tables.catalog import CATALOG
from induction.tables.contract import Table
from induction.tables.duck import Source


def sources(cells: list[str], grid: str = "", corpus: str = "") -> dict[Table, list[Source]]:
    """Every table with its files, which need not exist: one per cell, or that of a grid or corpus.

    Tables that exist once per cell name theirs in a column of the view.
    """
    names = {"cell": cells, "grid": [grid], "corpus": [corpus]}
    return {
        entry.table: [
            Source(
                DATA / entry.path.format(**{entry.per: name}),
                label(entry.stage, name),
                name if entry.per == "cell" else None,
            )
            for name in names[entry.per]
        ]
        for entry in CATALOG
    }
