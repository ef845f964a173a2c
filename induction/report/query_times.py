"""How long queries take over a large losses table, as `induction bench --queries` measured it."""

import json
from dataclasses import asdict
from pathlib import Path

from induction.config.errors import StageError
from induction.config.paths import REPORTS
from induction.config.strict import Listed, parse, settings
from induction.tables.atomic import write

FILE = REPORTS / "query_times.json"


@settings
class QueryTime:
    """`seconds` is a median; `scanned` counts the rows that were read of all tables."""

    name: str
    seconds: float
    scanned: int | None


@settings
class QueryTimes:
    """`rows` are those of the losses; `report` has the queries of the report, `stages` others that
    read the large tables."""

    cores: int
    rows: int
    cells: int
    checkpoints: int
    sequences: int
    report: Listed[QueryTime]
    stages: Listed[QueryTime]

    @property
    def together(self) -> float:
        """Seconds of a report."""
        return sum(each.seconds for each in self.report)

    @property
    def slowest(self) -> QueryTime:
        return max(self.report, key=lambda each: each.seconds)


def save(times: QueryTimes, path: Path = FILE) -> None:
    write(path, (json.dumps(asdict(times), indent=1) + "\n").encode())


def load(path: Path = FILE) -> QueryTimes | None:
    """What was measured last; None if nothing was. Raises StageError for another file."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        remedy = "measure again with `induction bench --queries`"
        raise StageError(f"{path}: found no JSON, expected query times; {remedy}") from None
    return parse(QueryTimes, values, "", str(path))
