"""Table contracts: what may not be written is not, and what is written is small and whole."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from induction.config.errors import StageError
from induction.tables.columns import float32, int32, text
from induction.tables.contract import Table, TableError
from induction.tables.losses import LOSSES
from induction.tables.parquet import TableWriter, open_table, read_table, write_table
from induction.tables.source import Source
from tests.conftest import provenance_by

TABLE = Table(
    "toy",
    "a table for tests",
    (int32("step", "steps"), text("mode", "a word")),
    (float32("value", "nats"),),
)


def rows(steps, modes, values, dtype: type = np.float32):
    return {"step": np.array(steps, np.int32), "mode": modes, "value": np.array(values, dtype)}


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (rows([1, 1], ["a", "a"], [1, 2]), r"strictly increase.*\(1, 'a'\) before \(1, 'a'\)"),
        (rows([2, 1], ["a", "a"], [1, 2]), r"strictly increase"),
        (rows([1, 1], ["b", "a"], [1, 2]), r"strictly increase"),
        (rows([1, 2], ["a", "a"], [1, np.nan]), r"column value: nan in row 1.*\(2, 'a'\)"),
        (rows([1, 2], ["a", "a"], [np.inf, 1]), r"column value: inf in row 0"),
        (rows([1, 2], ["a", "a"], [1, 2], np.float64), r"value: expected float, found double"),
        (rows([1, 2], ["a", None], [1, 2]), r"null"),
        (rows([1, 2], ["a", "a"], [1]), r"different lengths"),
        (rows([], [], []), r"no rows"),
        ({"step": np.array([1], np.int32)}, r"expected columns"),
    ],
)  # fmt: skip
def test_a_batch_that_breaks_the_contract_is_refused(data, wanted, tmp_path):
    with pytest.raises((TableError, TypeError), match=wanted):
        write_table(TABLE, tmp_path / "toy.parquet", data, provenance_by("toy"))


def test_batches_must_continue_the_order(tmp_path):
    with (
        pytest.raises(TableError, match=r"begins at \(1, 'b'\), not after \(2, 'a'\)"),
        TableWriter(TABLE, tmp_path / "toy.parquet", provenance_by("toy")) as writer,
    ):
        writer.write(rows([1, 2], ["a", "a"], [1, 2]))
        writer.write(rows([1, 3], ["b", "a"], [1, 2]))


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "toy.parquet"
    write_table(TABLE, path, rows([1, 1, 2], ["a", "b", "a"], [1, 2, 3]), provenance_by("toy"))
    source = Source(path, "toy")
    columns = read_table(TABLE, source)
    assert columns["mode"].tolist() == ["a", "b", "a"]
    assert columns["value"].tolist() == [1, 2, 3]
    metadata = open_table(TABLE, source).schema_arrow.metadata
    assert metadata[b"grain"] == b"step, mode" and metadata[b"unit.value"] == b"nats"


def test_losses_take_at_most_four_bytes_a_row_and_a_row_group_a_step(tmp_path):
    n_seq, n_pos, rng = 32, 511, np.random.default_rng(0)
    with TableWriter(LOSSES, tmp_path / "losses.parquet", provenance_by("losses")) as writer:
        for step in (0, 25, 50):
            writer.write(
                {
                    "step": np.full(n_seq * n_pos, step, np.int32),
                    "seq": np.repeat(np.arange(n_seq, dtype=np.int16), n_pos),
                    "pos": np.tile(np.arange(n_pos, dtype=np.int16), n_seq),
                    "loss": rng.gamma(1.0, 2.0, n_seq * n_pos).astype(np.float32),
                }
            )
    path = tmp_path / "losses.parquet"
    assert path.stat().st_size / (3 * n_seq * n_pos) <= 4
    metadata = pq.ParquetFile(path).metadata
    assert metadata.num_row_groups == 3
    steps = [metadata.row_group(i).column(0).statistics.min for i in range(3)]
    assert steps == [0, 25, 50]


def test_a_truncated_or_foreign_table_is_named_with_its_remedy(tmp_path):
    path = tmp_path / "toy.parquet"
    source = Source(path, "toy@a")
    with pytest.raises(StageError, match=r"toy\.parquet: not found; .*dvc repro toy@a"):
        open_table(TABLE, source)
    write_table(TABLE, path, rows([1], ["a"], [1]), provenance_by("toy"))
    whole = path.read_bytes()
    for cut in (0, 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(StageError, match=r"toy\.parquet: truncated.*dvc repro --force.*toy@a"):
            open_table(TABLE, source)
    pq.write_table(pa.table({"step": [1]}), path)
    with pytest.raises(StageError, match=r"expected columns .*'mode'.*found \['step'\]"):
        open_table(TABLE, source)
