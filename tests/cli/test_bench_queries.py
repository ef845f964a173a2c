"""`induction bench --queries` on a small study: every query, over as many rows as asked for."""

import json

import pytest

from induction.report.queries import in_order
from tests.project import INDUCTION


@pytest.mark.slow
def test_every_query_is_timed_over_enlarged_tables_and_the_times_are_kept(studied, tmp_path):
    project = studied.copy(tmp_path / "bench")
    done = project.run(*INDUCTION, "bench", "--queries", "--rows", "20_000")
    assert done.returncode == 0, done.stderr
    times = json.loads((project.folder / "reports" / "query_times.json").read_text())
    assert 20_000 <= times["rows"] < 30_000 and times["cells"] == 2
    assert {each["name"] for each in times["report"]} == {*in_order()}
    by_name = {each["name"]: each for each in (*times["report"], *times["stages"])}
    assert by_name["token_losses"]["scanned"] > times["rows"] / 2
    assert by_name["icl/positions"]["scanned"] * 2 >= times["rows"]
    assert "rows of losses: 2 cells" in done.stdout
    cost = project.run(*INDUCTION, "cost", "--params", "params.yaml").stdout
    assert f"measured over {times['rows']:,} rows" in cost
