"""sequences.csv of a report: the mean losses of every cell and evaluation sequence at the end.

The report writes it, so that a comparison of two can resample what differs sequence by sequence.
"""

import csv
import io
import re

import numpy as np
from jaxtyping import Float

from induction.report.rows import Rows

NAME = "sequences.csv"
MEANS = ("loss", "early", "late", "late_short", "early_point", "late_point")
# Reports made before the matched score have no loss with a short context.
OLDER = tuple(name for name in MEANS if name != "late_short")
HEAD = ["cell", "seq", *MEANS]
DECIMALS = 5  # nats; errors of means are a thousand times as large
NUMBER = re.compile(rf"-?[0-9]{{1,9}}\.[0-9]{{{DECIMALS}}}")

# The means of one cell, by the names of MEANS.
Means = dict[str, Float[np.ndarray, "seq"]]


def text(rows: Rows) -> str:
    """The file, from the rows of sequences.sql."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEAD)
    for row in rows:
        means = [f"{row[name]:.{DECIMALS}f}" for name in MEANS]
        writer.writerow([row["cell"], row["seq"], *means])
    return file.getvalue()


def read(content: str) -> dict[str, Means]:
    """The cells of the file, in its order. Raises ValueError for text that no report writes."""
    try:
        rows = list(csv.reader(io.StringIO(content), strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from None
    head = rows[0] if rows else []
    if head not in (HEAD, [*HEAD[:2], *OLDER]):
        raise ValueError(f"found {content[:80]!r}, expected the head {','.join(HEAD)!r}")
    cells: dict[str, list[list[float]]] = {}
    for row in rows[1:]:
        sequences = cells.setdefault(row[0] if row else "", [])
        if len(row) != len(head) or row[1] != str(len(sequences)):
            count = len(sequences)
            raise ValueError(f"found the row {','.join(row)!r}, expected sequence {count}")
        if not all(map(NUMBER.fullmatch, row[2:])):
            raise ValueError(f"found the row {','.join(row)!r}, expected {DECIMALS} decimals")
        sequences.append([float(number) for number in row[2:]])
    if len({len(sequences) for sequences in cells.values()}) > 1:
        raise ValueError("found another number of sequences in some cells, expected the same")
    return {
        cell: dict(zip(head[2:], np.array(sequences).T, strict=True))
        for cell, sequences in cells.items()
    }
