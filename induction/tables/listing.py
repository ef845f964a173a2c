"""The table that lists all others: what each column holds, in which unit, and who makes it."""

from induction.tables.columns import CELL, flag, int16, text
from induction.tables.contract import Table

LISTING = Table(
    "catalog",
    "every column of every table here",
    (
        text("table_name", "as a query names it"),
        int16("place", "order of the column in the table, from 0"),
    ),
    (
        text("column_name", "as a query names it"),
        text("type", "in SQL"),
        text("unit", "unit and meaning, or what an index counts"),
        flag("is_nullable", "whether it is null where unit says so"),
        text("grain", "the columns that together identify a row of the table"),
        text("about", "what the table is"),
        text("stage", "the stage that makes it; query for this table"),
    ),
)


def listed(name: str, table: Table, stage: str, per_cell: bool) -> list[dict]:
    """The rows of one table, all but `type`. `per_cell`: its view has the column `cell` more."""
    added = (CELL,) if per_cell else ()
    return [
        {
            "table_name": name,
            "place": place,
            "column_name": column.name,
            "unit": column.unit,
            "is_nullable": column.nullable,
            "grain": ", ".join([*(column.name for column in added), *table.grain]),
            "about": table.about,
            "stage": stage,
        }
        for place, column in enumerate((*added, *table.columns))
    ]
