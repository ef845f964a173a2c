"""The tables of the catalogue as files, for the cells of the grid."""

from stages.files.duck import Source
from stages.files.stage import DATA
from stages.lib.tables.catalog import CATALOG
from stages.lib.tables.contract import Table


def sources(cells: list[str]) -> dict[Table, list[Source]]:
    """Every table with its files: one per cell, or one. Files need not exist."""
    return {
        entry.table: [
            Source(
                DATA / entry.path.format(cell=cell),
                f"{entry.stage}@{cell}" if entry.is_per_cell else entry.stage,
                cell if entry.is_per_cell else None,
            )
            for cell in (cells if entry.is_per_cell else [""])
        ]
        for entry in CATALOG
    }
