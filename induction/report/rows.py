"""The results of queries: rows are dictionaries, as the SQL files of the report return them."""

from typing import Any

Rows = list[dict[str, Any]]
# Of every query, by its name.
Results = dict[str, Rows]
