"""Queries: what is listed, what is refused, and every format, value by value."""

import csv
import io
import json
import os
import pty
import shutil
import subprocess

import pyarrow.parquet as pq
import pytest

from induction.cli import query
from induction.config.errors import StageError
from induction.pipeline.declarations import stages
from induction.pipeline.views import open_views
from induction.report.export import FORMATS
from tests.project import INDUCTION

COMMAND = (*INDUCTION, "query")

# Those that a study without suites has.
TABLES = [
    (stage, table) for stage in stages().values() if stage.per != "suite" for table in stage.tables
]


@pytest.fixture(scope="module")
def project(studied, tmp_path_factory):
    return studied.copy(tmp_path_factory.mktemp("queried"))


@pytest.fixture
def connection(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    with open_views() as created:
        yield created


def exported(connection, sql: str, form: str) -> bytes:
    file = io.BytesIO()
    query.export(connection, sql, form, file)
    return file.getvalue()


def records(connection, sql: str) -> list[dict]:
    return json.loads(exported(connection, sql, "json"))


def test_the_catalogue_lists_every_column_as_its_table_has_it(connection):
    rows = records(connection, "from catalog")
    for (name,) in connection.sql("show tables").fetchall():
        result = [(r["column_name"], r["type"]) for r in rows if r["table_name"] == name]
        described = connection.sql(f"describe {name}").fetchall()
        assert result == [(column, kind) for column, kind, *_ in described], name
    for stage, table in TABLES:
        listed = [r for r in rows if r["table_name"] == table.name]
        per_cell = [("cell", "model and seed", False)] if stage.is_of_cell else []
        declared = [(c.name, c.unit, c.nullable) for c in table.columns]
        columns = [(r["column_name"], r["unit"], r["is_nullable"]) for r in listed]
        assert columns == per_cell + declared
        grain = [*(name for name, *_ in per_cell), *table.grain]
        expected = (", ".join(grain), table.about, stage.name)
        assert {(r["grain"], r["about"], r["stage"]) for r in listed} == {expected}


def test_the_catalogue_by_name(connection):
    result = records(connection, query.about(connection, "icl"))
    assert result[:2] == [
        {"column_name": "cell", "type": "VARCHAR", "unit": "model and seed", "is_nullable": False,
         "stage": "icl"},
        {"column_name": "step", "type": "INTEGER", "unit": "optimiser steps done",
         "is_nullable": False, "stage": "icl"},
    ]  # fmt: skip
    tables = records(connection, query.about(connection, ""))
    assert {"table_name": "icl_positions", "one_row_per": "cell, step, pos",
            "about": "mean loss per position of the context, per checkpoint"} in tables  # fmt: skip
    assert len(tables) == len(TABLES) + 1
    with pytest.raises(StageError, match="found no table 'icll', expected one like icl"):
        query.about(connection, "icll")


def test_the_prompt_shows_the_tables_and_outlives_an_error(project):
    typed = "select nothing\nfrom icl;\nselect 6 * 7 as answer;\n"
    done = project.run(*COMMAND, input=typed)
    assert done.returncode == 0, done.stderr
    assert "one_row_per" in done.stdout and "from catalog where table_name = 'icl'" in done.stdout
    assert "skip_trigrams" in done.stdout, "the last tables, too"
    assert "error: query: Binder Error" in done.stderr and "42" in done.stdout


# Reading, writing and running what no question needs. What DuckDB calls a select may do it, too.
OVER = "'data/icl/attn1_s0/icl.parquet' (use_tmp_file false)"
REFUSED = [
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('params.yaml')",
    "select * from read_parquet('/etc/passwd')",
    "select * from read_parquet('data/train/attn1_s0/../../../reports/x.parquet')",
    "select * from '/etc/passwd'",
    "select * from 'params.yaml'",
    "select * from glob('*')",
    "select * from parquet_metadata('/etc/passwd')",
    "select * from read_parquet('http://localhost/x.parquet')",
    "select * from 'http://localhost/x.parquet'",
    "select * from 's3://bucket/x.parquet'",
    "select * from sys",
    "select getenv('PATH')",
    "select * from duckdb_secrets()",
    "attach 'x.db'",
    "install httpfs",
    "load httpfs",
    "set threads = 8",
    "reset threads",
    "pragma version",
    "pragma threads = 8",
    "call pragma_version()",
    "select * from enable_logging()",
    "create table t as select 1",
    "create view v as select 1",
    "create macro m() as 1",
    "insert into icl select * from icl",
    "delete from icl",
    "drop view icl",
    "prepare q as select 1",
    "checkpoint",
    "export database 'x'",
    "begin transaction",
    f"copy icl to {OVER}",
    "copy icl to 'x.csv'",
    f"explain analyze copy icl to {OVER}",
    f"explain  ANALYZE copy (select 1) to {OVER}",
    f"explain (analyze) copy (select 1) to {OVER}",
    f"explain /* */ analyze copy (select 1) to {OVER}",
    "explain analyze drop view icl",
    "explain analyze create table t as select 1",
    f"with a as (copy (select 1) to {OVER}) select * from a",
    f"select * from icl where 1 in (with a as (copy (select 1) to {OVER}) from a)",
    "with a as (copy (select 1) to '.scratch/duckdb/x') select * from a",
    "with a as (insert into catalog values (1)) select 1",
    "from query('drop view icl')",
    "from query('select 1')",
    "from system.main.json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "from json_execute_serialized_sql(json_serialize_sql($$with a as (copy (select 1) to "
    f"{OVER}) from a$$))",
    f"/* explain */ with a as (copy (select 1) to {OVER}) from a",
    "select 1; drop view icl",
    "select 1; select * from read_csv('/etc/passwd')",
]


def state(project) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns for path in project.folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("sql", REFUSED)
def test_a_query_reads_and_writes_nothing_but_its_answer(sql, connection, project, capsys):
    before = state(project), connection.sql("show tables").fetchall()
    with pytest.raises(StageError, match=r"^query: "):
        query.run(connection, sql)
    assert (state(project), connection.sql("show tables").fetchall()) == before
    assert "root:" not in capsys.readouterr().out


@pytest.mark.parametrize("read", ["'{}'", "read_parquet('{}')", "parquet_schema('{}')"])
def test_a_table_elsewhere_is_not_read(read, connection, tmp_path):
    """The files above could not be read as tables anyway; this one could."""
    each = "data/icl/attn1_s0/icl.parquet"
    query.run(connection, f"select * from read_parquet('{each}')")
    shutil.copy(each, tmp_path)
    for place in (tmp_path / "icl.parquet", tmp_path / "*.parquet"):
        with pytest.raises(StageError, match=r"Permission Error|does not exist"):
            query.run(connection, f"select * from {read.format(place)}")


def test_nothing_is_answered_if_a_later_statement_is_refused(connection, capsys):
    with pytest.raises(StageError, match="'drop view icl' is not a question"):
        query.run(connection, "select 1; drop view icl")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "sql",
    [
        "with recursive t as (select 1 as i union all select i + 1 from t where i < 3) from t",
        "select 1 union select 2 order by 1 -- a comment; with a semicolon",
        "explain analyze select * from icl",
        "summarize icl",
        "describe select * from icl",
        "show all tables",
        "from duckdb_columns()",
        "select cell from icl, range(2) t(i) where i in (select 1)",
        "pivot (select cell, step, icl from icl) on cell in ('attn1_s0') using max(icl)",
        "select " + "+".join(["1"] * 100),
        "select 1; ; select 2;",
        "-- nothing",
    ],
)
def test_questions_of_every_shape_are_answered(sql, connection):
    query.run(connection, sql)


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("select lss\n  , zz from icl", ["LINE 1: select lss\n               ^^^", '"loss"']),
        ("select 1,\n  lss from icl", ["LINE 2:   lss from icl\n          ^^^", "`from catalog`"]),
        ("from icll", ['Did you mean "icl"?\n\nLINE 1: from icll\n             ^^^^']),
        ("selec", ["LINE 1: selec\n        ^^^^^"]),
        ("select " + "+".join(["1"] * 900), ["nested too deeply"]),
        ("select loss / 'a' from icl", ["Could not convert string 'a' to DOUBLE"]),
    ],
)
def test_errors_mark_the_place(sql, wanted, connection):
    with pytest.raises(StageError) as caught:
        query.run(connection, sql)
    for part in wanted:
        assert part in str(caught.value)


def test_the_box_says_what_it_leaves_out_and_formats_leave_out_nothing(connection, capsys):
    query.run(connection, "from range(1000) t(x)")
    assert "1000 rows" in (shown := capsys.readouterr().out) and "(200 shown)" in shown
    sql = "from range(100_000) t(x)"
    assert len(exported(connection, sql, "csv").splitlines()) == 100_001
    assert len(exported(connection, sql, "markdown").splitlines()) == 100_002
    assert [row["x"] for row in records(connection, sql)] == list(range(100_000))


# By value: as JSON and as Parquet have it, as the text of CSV, as Markdown.
VALUES = {
    "'a\"b, c'": ('a"b, c', 'a"b, c', 'a"b, c', 'a"b, c'),
    "'one\ntwo'": ("one\ntwo", "one\ntwo", "one\ntwo", "one<br>two"),
    "'x|y \\ `z`'": ("x|y \\ `z`", "x|y \\ `z`", "x|y \\ `z`", r"x\|y \\ \`z\`"),
    "'<b> _ *'": ("<b> _ *", "<b> _ *", "<b> _ *", r"\<b\> \_ \*"),
    "'attn2_s0 é Ġ'": ("attn2_s0 é Ġ", "attn2_s0 é Ġ", "attn2_s0 é Ġ", "attn2_s0 é Ġ"),
    "''": ("", "", "", ""),
    "null": (None, None, "", "–"),
    "'inf'::double": (None, float("inf"), "inf", "inf"),
    "0.25::float": (0.25, 0.25, "0.25", "0.25"),
    "1e-7": (1e-7, 1e-7, "1e-7", "1e-07"),
    "1.5": (1.5, 1.5, "1.5", "1.5"),
    "2::hugeint": (2, 2, "2", "2"),
    "true": (True, True, "true", "true"),
    "timestamp '2026-01-02 03:04:05'": (
        "2026-01-02 03:04:05", "2026-01-02 03:04:05", "2026-01-02 03:04:05.000000",
        "2026-01-02 03:04:05",
    ),
    "interval 3 days": ("3 days",) * 4,
    "'\\xAA'::blob": ("\\xAA", b"\xaa", "\\xAA", r"\\xAA"),
    "[1, null]": ([1, None], [1, None], "[1, NULL]", r"\[1, NULL\]"),
    "['nan'::double]": ([None], None, "[nan]", r"\[nan\]"),
    "{'a': [1], 'b': {'c': 'x'}}": (
        {"a": [1], "b": {"c": "x"}}, {"a": [1], "b": {"c": "x"}},
        "{'a': [1], 'b': {'c': x}}", r"{'a': \[1\], 'b': {'c': x}}",
    ),
    "map {1: 'x'}": ([[1, "x"]], [(1, "x")], "{1=x}", "{1=x}"),
}  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_values_come_out_right_in_every_format(value, connection):
    sql = f"select {value} as v, 1 as one"
    as_json, as_parquet, as_csv, as_markdown = VALUES[value]
    assert records(connection, sql) == [{"v": as_json, "one": 1}]
    ((text, one),) = list(csv.reader(io.StringIO(exported(connection, sql, "csv").decode())))[1:]
    assert (text, one) == (as_csv, "1")
    head, rule, row = exported(connection, sql, "markdown").decode().splitlines()
    assert (head, row) == ("| v | one |", f"| {as_markdown} | 1 |") and rule.endswith("---: |")
    result = pq.read_table(io.BytesIO(exported(connection, sql, "parquet")))
    if as_parquet is not None:
        (got,) = result["v"].to_pylist()
        assert (str(got) if value.startswith("timestamp") else got) == as_parquet


def test_null_and_empty_text_differ_in_csv(connection):
    assert exported(connection, "select '' as a, null as b", "csv") == b'"a","b"\n"",\n'


@pytest.mark.parametrize("form", FORMATS)
def test_no_rows_are_a_result(form, connection):
    empty = exported(connection, "select step, cell from icl where step < 0", form)
    if form == "parquet":
        assert pq.read_table(io.BytesIO(empty)).shape == (0, 2)
    else:
        wanted = {"csv": '"step","cell"\n', "json": "[]\n", "markdown": None}[form]
        assert wanted is None or empty.decode() == wanted
    exported(connection, "show tables", form), exported(connection, "summarize icl", form)


@pytest.mark.parametrize(
    ("sql", "form", "wanted"),
    [
        ("select 1; select 2", "csv", "takes one query, found 2"),
        ("-- nothing", "json", "takes one query, found 0"),
        ("select 1 as a, 2 as a", "json", "found two columns 'a'"),
        ("select 1 as a, 2 as a", "parquet", "found two columns 'a'"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(sql, form, wanted, connection):
    with pytest.raises(StageError, match=wanted):
        exported(connection, sql, form)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("../x.csv", "expected a file in this project"),
        ("/elsewhere/x.csv", "expected a file in this project"),
        ("data/icl/x.csv", "outside data, .dvc, .git"),
        (".git/x.csv", "outside data, .dvc, .git"),
        ("link/x.csv", "expected a file in this project"),
        ("params.yaml", "exists; remove it"),
        (".", "exists; remove it"),
        ("no/x.csv", "No such file"),
    ],
)
def test_out_is_a_new_file_of_the_project(path, wanted, connection, project, tmp_path):
    link = project.folder / "link"
    if not link.is_symlink():
        link.symlink_to(tmp_path)
    with pytest.raises(StageError, match=rf"^--out: .*{wanted}"):
        query.new_file(query.Path(path))


def test_out_holds_all_or_is_not_there(project):
    sql = "select cell, step, icl from icl order by all"
    done = project.run(*COMMAND, "--format", "parquet", "--out", "icl.parquet", sql)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert pq.read_table(project.folder / "icl.parquet").column_names == ["cell", "step", "icl"]
    late = "select case when x = 90_000 then error('late') else x end as x from range(100_000) t(x)"
    done = project.run(*COMMAND, "--format", "csv", "--out", "late.csv", late)
    assert done.returncode == 1 and "late" in done.stderr and "Traceback" not in done.stderr
    assert not (project.folder / "late.csv").exists()


def test_a_query_comes_from_input_too(project):
    done = project.run(*COMMAND, "--format", "csv", "-", input="select 6 * 7 as answer\n-- end\n")
    assert (done.returncode, done.stdout) == (0, '"answer"\n42\n'), done.stderr


def test_parquet_is_not_for_a_terminal(project):
    ours, theirs = pty.openpty()
    command = [*COMMAND, "--format", "parquet", "select 1"]
    done = project.run(*command, capture_output=False, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs), os.close(ours)
    assert done.returncode == 1
    assert done.stderr.startswith("error: --format parquet: not for a terminal; add --out")


@pytest.mark.parametrize("form", [None, "csv", "json", "markdown"])
def test_whoever_stops_reading_hears_no_complaint(form, project):
    sql = "select x, repeat('x', 500) as y from range(200_000) t(x)"
    options = f"--format {form}" if form else ""
    line = f'set -o pipefail; {" ".join(COMMAND)} {options} "{sql}" | head -1'
    done = project.run("bash", "-c", line)
    assert done.stdout and done.stderr == ""


@pytest.mark.parametrize(
    "options",
    [("--out", "x.csv", "select 1"), ("--format", "csv"), ("--catalog", "icl", "select 1"),
     ("--format", "xml", "select 1")],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(options, project):
    done = project.run(*COMMAND, *options)
    assert done.returncode == 2 and "Error: " in done.stderr and "Traceback" not in done.stderr
