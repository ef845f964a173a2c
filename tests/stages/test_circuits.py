"""Stage `circuits` on the small study: its tables against those of other stages, and bad input."""

from statistics import mean

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from induction.tables import circuits as tables
from tests.project import CELLS, Project


@pytest.fixture(scope="module")
def project(studied, tmp_path_factory) -> Project:
    return studied.copy(tmp_path_factory.mktemp("circuits"))


def table(project: Project, cell: str, name: str) -> list[dict]:
    return pq.read_table(
        project.folder / "data" / "circuits" / cell / f"{name}.parquet"
    ).to_pylist()


def of_losses(project: Project, cell: str) -> dict[tuple[int, int], tuple[float, ...]]:
    """Early, late, short and mean loss by step and sequence, from the tables of losses."""
    rows: dict[str, dict] = {"losses": {}, "losses_short": {}}
    for name, of_table in rows.items():
        path = project.folder / "data" / "losses" / cell / f"{name}.parquet"
        for row in pq.read_table(path).to_pylist():
            of_table.setdefault((row["step"], row["seq"]), []).append(row["loss"])
    return {
        key: tuple(map(mean, (losses[4:9], losses[58:63], rows["losses_short"][key], losses)))
        for key, losses in rows["losses"].items()
    }


@pytest.mark.parametrize("cell", CELLS)
def test_every_table_is_there_and_the_parts_add_up(project, cell):
    steps = {row["step"] for row in table(project, cell, "readings")}
    assert {0, 20} <= steps
    for contract in tables.ALL:
        rows = table(project, cell, contract.name)
        steps_of_table = {row["step"] for row in rows if "step" in row}
        if contract.may_be_empty:
            assert steps_of_table <= steps, contract.name
        elif "step" in contract.grain:
            assert steps_of_table == steps, contract.name
    assert all(row["sum_error"] < 1e-4 for row in table(project, cell, "readings"))


@pytest.mark.parametrize("cell", CELLS)
def test_the_whole_model_has_the_losses_of_stage_losses(project, cell):
    expected = of_losses(project, cell)
    whole = [row for row in table(project, cell, "paths") if row["path"] == "whole"]
    assert {row["seq"] for row in whole} == set(range(6))
    orders = table(project, cell, "path_orders")
    last = max(row["order"] for row in orders)
    for row in [*whole, *(order for order in orders if order["order"] == last)]:
        got = (row["early"], row["late"], row["late_short"], row["mean"])
        assert got == pytest.approx(expected[row["step"], row["seq"]], abs=1e-4)


def test_one_layer_has_no_edges_and_smeared_keys_have_edges(project):
    assert table(project, "attn1_s0", "edges") == table(project, "attn1_s0", "edge_ablations") == []
    reasons = {row["reason"] for row in table(project, "attn1_s0", "readings")}
    assert reasons == {"one layer, and no smeared keys: no head can read what another wrote"}
    assert table(project, "smear2_s0", "skip_trigrams") == [], "of one-layer models alone"
    last = [row for row in table(project, "smear2_s0", "edges") if row["step"] == 20]
    layers = [(row["layer"], row["from_layer"]) for row in last]
    assert sorted(layers) == [(0, -1)] * 2 + [(1, -1)] * 2 + [(1, 0)] * 4


def test_untrained_weights_sit_at_their_nulls(project):
    heads = [row for row in table(project, "smear2_s0", "head_circuits") if row["step"] == 0]
    assert all(0.35 < row["ov_above"] < 0.65 and row["ov_diagonal"] < 0.03 for row in heads)
    edges = [row for row in table(project, "smear2_s0", "edges") if row["step"] == 0]
    assert all(0.35 < row["k_above"] < 0.65 and abs(row["icl_lost"]) < 0.05 for row in edges)
    assert not any(row["is_circuit"] for row in edges)


def test_attention_is_a_share_and_causal(project):
    rows = [row for row in table(project, "attn1_s0", "attention") if row["step"] == 20]
    sums: dict = {}
    for row in rows:
        assert row["key"] <= row["query"]
        key = (row["probe"], row["layer"], row["head"], row["query"])
        sums[key] = sums.get(key, 0) + row["weight"] / 255
    assert all(total == pytest.approx(1, abs=0.03) for total in sums.values())
    tokens = [row for row in table(project, "attn1_s0", "shown") if row["probe"] == "random"]
    assert len(tokens) == 1 + 2 * 5 and tokens[1]["token"] == tokens[6]["token"]


@pytest.mark.slow
def test_a_table_of_other_checkpoints_is_named_and_nothing_is_lost(project):
    folder = project.folder / "data" / "circuits" / "attn1_s0"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, fault in (
        ("heads/attn1_s0/heads", "step 20 is missing"),
        ("icl/attn1_s0/icl", "its checkpoints are not those of training"),
    ):
        path = project.folder / "data" / f"{name}.parquet"
        content, rows = path.read_bytes(), pq.read_table(path)
        path.chmod(0o644)
        path.unlink()
        pq.write_table(rows.filter(pc.less(rows["step"], 20)), path)
        done = project.run("python", "-m", "stages.circuits", "--cell", "attn1_s0")
        path.unlink()
        path.write_bytes(content)
        assert done.returncode == 1
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert f"{name}.parquet" in line and fault in line and "dvc repro" in line
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_vocabulary_without_common_tokens_is_refused(studied, tmp_path):
    project = studied.copy(tmp_path / "rare")
    project.edit(lambda p: p | {"circuits": p["circuits"] | {"min_count": 10**8}})
    done = project.run("python", "-m", "stages.circuits", "--cell", "attn1_s0")
    assert done.returncode == 1
    assert "circuits.min_count: found 100000000" in done.stderr and "lower it" in done.stderr
