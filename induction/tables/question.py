"""Only questions reach DuckDB: statements that do nothing but return rows.

A statement's type is not enough: `explain analyze` runs what it explains, a common table expression
may copy over a file, and some table functions run text as SQL. So the parse tree is held to lists
of what is known to be harmless.

DuckDB's settings alone do not suffice, because a path that may be read may be written too. Views
over Arrow data sets need no path, but were 2 to 50 times as slow; views over a read-only fsspec
file system damaged the data of 1 query in 700, as threads share a file's position.
"""

import json
import re
from collections.abc import Callable

import duckdb

from induction.config.errors import StageError

NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
# Harmless table functions, besides DuckDB's own tables (duckdb_*). The settings of the connection
# limit which files they may open.
FUNCTIONS = {
    "generate_series", "histogram", "json_each", "json_tree", "parquet_file_metadata",
    "parquet_kv_metadata", "parquet_metadata", "parquet_schema", "parquet_scan", "range",
    "read_parquet", "repeat", "summary", "unnest",
}  # fmt: skip
EXPLAIN = re.compile(r"\A\s*explain(\s+analyze)?\s", re.IGNORECASE)


def questions(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The statements of `sql`. Raises StageError, before any is run, if one is not a question."""
    try:
        statements = [statement.query for statement in connection.extract_statements(sql)]
    except duckdb.Error as error:
        raise StageError(f"query: {error}") from None
    for statement in statements:
        fault = _fault(connection, EXPLAIN.sub("", statement, count=1))
        if fault:
            raise StageError(
                f"query: {statement.strip()!r} is not a question ({fault}); only select, show, "
                "describe, summarize and explain are answered (the tables are read-only)"
            )
    return statements


def _fault(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """What in a statement does more than return rows; empty for a question."""
    ((text,),) = connection.execute(
        "select json_serialize_sql($sql::varchar)", {"sql": sql}
    ).fetchall()
    nodes: list[dict] = []
    try:
        tree = json.loads(text, object_hook=lambda node: nodes.append(node) or node)
    except RecursionError:
        return "nested too deeply to be checked"
    if tree["error"]:
        return "found no select"
    for node in nodes:
        kind = str(node.get("type"))
        if kind.endswith("_NODE") and kind not in NODES:
            return f"found {kind.removesuffix('_NODE').removesuffix('_QUERY').lower()}"
        if kind == "TABLE_FUNCTION":
            name = node["function"]["function_name"].lower()
            if name not in FUNCTIONS and not name.startswith("duckdb_"):
                return f"found function {name}, expected one of {', '.join(sorted(FUNCTIONS))}"
    return ""


def answer(
    connection: duckdb.DuckDBPyConnection,
    question: str,
    write: Callable[[duckdb.DuckDBPyRelation], None],
) -> None:
    """Pass the result of one of `questions` to `write`. Raises StageError if DuckDB fails."""
    try:
        result = connection.sql(question)
        if result is not None:  # a comment has none
            write(result)
    except duckdb.Error as error:
        raise StageError(f"query: {_message(connection, question, error)}") from None


def _message(connection: duckdb.DuckDBPyConnection, question: str, error: duckdb.Error) -> str:
    """DuckDB's message, with the place of the error marked.

    For errors in binding, `sql` marks no place, or one that counts the lines of a query around this
    one. `explain` marks it in the question itself, after one line more.
    """
    text = re.sub(r"\n+LINE .*", "", str(error), flags=re.DOTALL)
    try:
        connection.execute(f"explain\n{question}").fetchall()
    except duckdb.Error as marked:
        text = re.sub(
            r"^LINE (\d+)", lambda line: f"LINE {int(line[1]) - 1}", str(marked), flags=re.M
        )
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        text += "\n`from catalog` lists every table and column"
    return text
