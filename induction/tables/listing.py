"""The table that lists all others: what each column holds, in which unit, and who makes it."""

import pyarrow as pa

from induction.tables.contract import Column, Table

LISTING = Table(
    "catalog",
    "every column of every table here",
    ("table_name", "place"),
    (
        Column("table_name", pa.string(), "as a query names it"),
        Column("place", pa.int16(), "order of the column in the table, from 0"),
        Column("column_name", pa.string(), "as a query names it"),
        Column("type", pa.string(), "in SQL"),
        Column("unit", pa.string(), "unit and meaning, or what an index counts"),
        Column("is_nullable", pa.bool_(), "whether it is null where unit says so"),
        Column("grain", pa.string(), "the columns that together identify a row of the table"),
        Column("about", pa.string(), "what the table is"),
        Column("stage", pa.string(), "the stage that makes it; query for this table"),
    ),
)
CELL = Column("cell", pa.string(), "model and seed")


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
