"""The words of `induction cost --params`, and the times of queries that it repeats."""

import json

import pytest
from click.testing import CliRunner

from induction.cli import cost
from induction.config.errors import ParamsError, StageError
from induction.pipeline.scale import CellScale, Gpu, Scale, TableScale
from induction.report import query_times, scale
from induction.report.queries import in_order
from induction.report.query_times import QueryTime, QueryTimes

GPU = Gpu(1e15, 1e14, 0.5)
SCALE = Scale(
    [CellScale("one", 9 * 10**17, 18 * 10**16, 2 * 10**9, 5e9)],
    [TableScale("losses", 1_000, 3.6e9)],
    1.5e9,
    ["suites.there: no answer"],
)
TIMES = QueryTimes(
    cores=2,
    rows=1_000_000,
    cells=2,
    checkpoints=50,
    sequences=20,
    report=(QueryTime("slow", 0.75, 10), QueryTime("quick", 0.25, 1)),
    stages=(QueryTime("claims", 2.0, None),),
)


def test_a_cell_a_table_and_the_slowest_query_each_have_their_words():
    lines = scale.table("some.yaml", SCALE, GPU, TIMES).splitlines()
    words = [" ".join(line.split()) for line in lines]
    assert "50% of 1,000 TFLOP/s in training (bf16), and of 100 TFLOP/s" in words[1]
    assert "one 9.00e+17 0.5 1.80e+17 1.0 2.0 5.0" in words
    assert "together 9.00e+17 0.5 1.80e+17 1.0 2.0 5.0" in words
    assert "losses 1,000 3.60" in words
    assert words[-3:] == [
        "corpus: at most 1.5 GB",
        "queries of the report, measured over 1,000,000 rows of losses on 2 cores: 1.0 s for all "
        "2, of which the slowest, slow, takes 0.75 s",
        "suites.there: no answer",
    ]


def test_json_has_the_same_numbers():
    answer = json.loads(scale.as_json("some.yaml", SCALE, GPU, None))
    (cell,) = answer["cells"]
    assert (cell["training_hours"], cell["measuring_hours"]) == (0.5, 1.0)
    assert answer["tables"] == [{"table": "losses", "rows": 1000, "written": 3.6e9}]
    assert answer["queries"] is None and answer["gpu"]["share"] == 0.5


def test_times_are_read_as_they_were_kept(tmp_path):
    path = tmp_path / "times.json"
    assert query_times.load(path) is None
    query_times.save(TIMES, path)
    assert query_times.load(path) == TIMES
    path.write_text("{")
    with pytest.raises(StageError, match=r"times\.json: found no JSON"):
        query_times.load(path)
    path.write_text("{}")
    with pytest.raises(ParamsError, match=r"times\.json: cores: found nothing"):
        query_times.load(path)


def test_every_query_that_was_measured_takes_at_most_a_second():
    """In the committed file, which `make bench` writes."""
    times = query_times.load()
    assert times is not None and times.rows >= 10**8
    assert len({each.name for each in times.report} & {*in_order()}) > 30
    assert times.slowest.seconds <= 1


def test_the_command_prints_them_and_names_a_file_that_is_wrong(tmp_path):
    asked = CliRunner().invoke(cost.command, ["--params", "params.paper.yaml", "--share", "0.3"])
    assert asked.exit_code == 0 and "at 30% of 989 TFLOP/s" in asked.output
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("device: auto\n")
    failed = CliRunner().invoke(cost.command, ["--params", str(wrong)])
    assert isinstance(failed.exception, ParamsError)
    assert "wrong.yaml: corpus: found nothing" in str(failed.exception)
