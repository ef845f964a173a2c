"""Whether SQL is a question: that DuckDB does nothing but answer it.

The type of a statement does not tell. `explain analyze` runs what it explains, a common table
expression may copy over a file, and some table functions run text as SQL. So the parse tree
decides, by what is known to be harmless.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import duckdb

from induction.config.errors import StageError

NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
# Those of DuckDB's own tables, duckdb_*, are harmless, too; which files the readers may open is
# locked where the views are made.
FUNCTIONS = {
    "generate_series", "histogram", "json_each", "json_tree", "parquet_file_metadata",
    "parquet_kv_metadata", "parquet_metadata", "parquet_schema", "parquet_scan", "range",
    "read_parquet", "repeat", "summary", "unnest",
}  # fmt: skip
EXPLAIN = re.compile(r"\s*explain(\s+analyze)?\s", re.IGNORECASE)


def questions(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The statements of `sql`. Raises StageError, before any is run, if one is no question."""
    try:
        found = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise StageError(f"query: {error}") from None
    for statement in found:
        explained = EXPLAIN.match(statement.query)
        asked = statement.query[explained.end() :] if explained else statement.query
        fault = _fault(connection, asked)
        if fault:
            raise StageError(
                f"query: {statement.query.strip()!r} is no question ({fault}); only select, "
                "show, describe, summarize and explain are answered (the tables are read-only)"
            )
    return [statement.query for statement in found]


def _fault(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """What in a statement does more than answer; empty for a question."""
    ((text,),) = connection.execute(
        "select json_serialize_sql($sql::varchar)", {"sql": sql}
    ).fetchall()
    try:
        tree = json.loads(text)
    except RecursionError:
        return "nested too deeply to be checked"
    if tree["error"]:
        return "found no select"
    for node in _nodes(tree):
        kind = str(node.get("type"))
        if kind.endswith("_NODE") and kind not in NODES:
            return f"found {kind.removesuffix('_NODE').removesuffix('_QUERY').lower()}"
        if kind == "TABLE_FUNCTION":
            name = node["function"]["function_name"].lower()
            if name not in FUNCTIONS and not name.startswith("duckdb_"):
                return f"found function {name}, expected one of {', '.join(sorted(FUNCTIONS))}"
    return ""


def _nodes(tree: Any) -> Iterator[dict]:
    """Every object in a parse tree; without recursion, of which reading it left little."""
    found = [tree]
    while found:
        node = found.pop()
        if isinstance(node, dict):
            yield node
        if isinstance(node, dict | list):
            found.extend(node.values() if isinstance(node, dict) else node)


def answer(
    connection: duckdb.DuckDBPyConnection,
    question: str,
    write: Callable[[duckdb.DuckDBPyRelation], None],
) -> None:
    """Have the result of one of `questions` written. Raises StageError if DuckDB fails at it."""
    try:
        result = connection.sql(question)
        if result is not None:  # a comment has none
            write(result)
    except duckdb.Error as error:
        raise StageError(f"query: {_told(connection, question, error)}") from None


def _told(connection: duckdb.DuckDBPyConnection, question: str, error: duckdb.Error) -> str:
    """What DuckDB says, with the place marked.

    It marks none in what `sql` binds, and counts lines of its own in what that runs; an
    explanation binds the question as it stands, but for one line before it.
    """
    text = re.sub(r"\n+LINE .*", "", str(error), flags=re.DOTALL)
    try:
        connection.execute(f"explain\n{question}").fetchall()
    except duckdb.Error as marked:
        text = re.sub(
            r"^LINE (\d+)", lambda own: f"LINE {int(own[1]) - 1}", str(marked), flags=re.M
        )
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        text += "\n`from catalog` lists every table and column"
    return text
