"""Tables, checkpoints and streams from strangers: refused in one line, or read; nothing else."""

import json
import random
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from induction.config.errors import StageError
from induction.models import checkpoints
from induction.tables import parquet
from induction.tables.corpus import EVAL, EVAL_SEQUENCES
from induction.tables.duck import connect, query
from induction.tables.losses import LOSSES
from induction.tables.parquet import provenance_of, read_table, write_table
from induction.tables.source import Source
from induction.text import evaluation, stream
from tests.conftest import VOCAB, header_of, provenance_by, random_model
from tests.watched import watched

pytestmark = pytest.mark.slow

COUNT = 1_500  # of each of five kinds


def mutated(rng: random.Random, whole: bytes) -> bytes:
    """The bytes of a file, spoiled: cut, flipped, overwritten, doubled, or with wild lengths."""
    data = bytearray(whole)
    for _ in range(rng.choice([1, 1, 1, 3, 10])):
        kind, at = rng.randrange(6), rng.randrange(len(data)) if data else 0
        # What decides about most stands at the ends: headers and footers.
        if rng.random() < 0.5 and len(data) > 900:
            at = rng.choice([rng.randrange(400), len(data) - 1 - rng.randrange(900)])
        if kind == 0:
            del data[at:]
        elif kind == 1 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2 and data:
            data[at : at + 8] = rng.randbytes(8)
        elif kind == 3:
            data[at:at] = data[at : at + rng.randrange(1, 200)]
        elif kind == 4:
            del data[at : at + rng.randrange(1, 50)]
        elif kind == 5:
            data[at : at + 8] = struct.pack("<Q", rng.choice([0, 2**31, 2**63, 2**64 - 1]))
    return bytes(data)


def refused(path: Path, error: StageError) -> None:
    text = str(error)
    assert path.name in text and "\n" not in text and len(text) < 2_000, text
    assert any(word in text for word in ("dvc repro", "dvc pull", "remove")), text


def fuzz(path: Path, whole: bytes, read, seed: int) -> tuple[int, int]:
    """How many spoiled copies were refused, and how many were read all the same."""
    rng, ends = random.Random(seed), [0, 0]
    for _ in range(COUNT):
        path.unlink(missing_ok=True)  # what was read may still be mapped
        path.write_bytes(mutated(rng, whole))
        with watched():
            try:
                read()
            except StageError as error:
                refused(path, error)
                ends[0] += 1
            else:
                ends[1] += 1
    assert sum(ends) == COUNT
    return ends[0], ends[1]


def losses_file(folder: Path) -> Path:
    rng, n_seq, n_pos = np.random.default_rng(0), 4, 30
    path = folder / "losses.parquet"
    write_table(
        LOSSES,
        path,
        {
            "step": np.zeros(n_seq * n_pos, np.int32),
            "seq": np.repeat(np.arange(n_seq, dtype=np.int16), n_pos),
            "pos": np.tile(np.arange(n_pos, dtype=np.int16), n_seq),
            "loss": rng.gamma(1.0, 2.0, n_seq * n_pos).astype(np.float32),
        },
        provenance_by("losses", "a"),
    )
    return path


def test_spoiled_tables(tmp_path):
    path = losses_file(tmp_path)
    source = Source(path, "losses@a")

    def read() -> None:
        provenance_of(LOSSES, source)
        table = read_table(LOSSES, source)
        assert np.isfinite(table["loss"]).all()

    bad, _ = fuzz(path, path.read_bytes(), read, seed=0)
    assert bad > COUNT / 2


def test_spoiled_tables_in_duckdb(tmp_path):
    """DuckDB reads for itself what pyarrow opened: its errors are ours too."""
    path = losses_file(tmp_path)

    def read() -> None:
        with connect({LOSSES: [Source(path, "losses@a")]}) as connection:
            query(connection, "icl/positions")

    rng, ends = random.Random(1), [0, 0]
    whole = path.read_bytes()
    for _ in range(COUNT):
        path.write_bytes(mutated(rng, whole))
        with watched():
            try:
                read()
            except StageError as error:
                text = str(error)
                assert "\n" not in text and "dvc repro" in text, text
                ends[0] += 1
            else:
                ends[1] += 1
    assert sum(ends) == COUNT and ends[0] > COUNT / 2


def test_spoiled_checkpoints(tmp_path):
    folder = tmp_path / "attn2_s0"
    folder.mkdir()
    model = random_model(n_layers=1, d_model=8, n_heads=2)
    checkpoints.save(folder, model, header_of(model.arch, "attn2_s0"))
    path = checkpoints.path_of(folder, 7)

    def read() -> None:
        result, _ = checkpoints.load(path)
        with torch.no_grad():
            result(torch.zeros((1, 4), dtype=torch.int64))

    bad, _ = fuzz(path, path.read_bytes(), read, seed=2)
    assert bad > COUNT / 4


def test_spoiled_headers_of_checkpoints(tmp_path):
    """Whole safetensors that say something wild of themselves: nothing large is built."""
    folder = tmp_path / "attn2_s0"
    folder.mkdir()
    model = random_model(n_layers=1, d_model=8, n_heads=2)
    header = header_of(model.arch, "attn2_s0")
    checkpoints.save(folder, model, header)
    path = checkpoints.path_of(folder, 7)
    with checkpoints.opened(path, str) as (file, _):
        weights = checkpoints.read_tensors(file)
        honest = json.loads(file.metadata()["checkpoint"])
    rng, wild = random.Random(3), [0, -1, 2, 10**9, 10**30, 1.5, True, None, "x", [], {}, "1"]
    keys = [("model", key) for key in honest["model"]] + [
        (key,) for key in honest if key not in ("model", "provenance")
    ] + [("provenance", key) for key in honest["provenance"]]  # fmt: skip
    seen = 0
    for _ in range(COUNT):
        said = json.loads(json.dumps(honest))
        for *outer, last in rng.sample(keys, rng.choice([1, 1, 2, 4])):
            inner = said[outer[0]] if outer else said
            if rng.random() < 0.1:
                del inner[last]
            else:
                inner[last] = rng.choice(wild)
        text = json.dumps(said)
        if rng.random() < 0.1:
            text = rng.choice(["", "[", "[" * 100_000, "{}", "null", "1e999", text[:-2]])
        save_file(weights, path, metadata={"checkpoint": text})
        with watched():
            try:
                checkpoints.load(path)
            except StageError as error:
                refused(path, error)
                seen += 1
    assert seen > COUNT * 0.8


def test_spoiled_streams(tmp_path):
    path = tmp_path / "train_tokens.safetensors"
    stream.save_stream(path, np.arange(500, dtype=np.uint16) % VOCAB, provenance_by("corpus"))

    def read() -> None:
        assert stream.load_stream(Source(path, "corpus"), VOCAB).tokens.max(initial=0) < VOCAB

    bad, _ = fuzz(path, path.read_bytes(), read, seed=4)
    assert bad > COUNT * 0.9, "its hash finds what a header does not"


def test_a_few_bytes_that_claim_many_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MAX_DECODED", 2**20)
    path = tmp_path / "losses.parquet"
    schema = LOSSES.schema
    rows = 1_000_000
    columns = [pa.repeat(pa.scalar(0, field.type), rows) for field in schema]
    pq.write_table(
        pa.Table.from_arrays(columns, schema=schema), path, compression="zstd", row_group_size=rows
    )
    assert path.stat().st_size < 2**16
    with pytest.raises(StageError, match=r"losses\.parquet: claims 1000000 rows.*refused"):
        read_table(LOSSES, Source(path, "losses@a"))


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"n_layers": 10**6}, r"weights do not fit.*1000000|n_layers"),
        ({"d_model": 2**20, "n_heads": 2}, r"do not fit|d_model"),
        ({"mlp": True, "d_mlp": 10**9}, r"do not fit|d_mlp"),
    ],
)
def test_a_header_that_names_a_huge_model_builds_nothing(tmp_path, change, wanted):
    model = random_model(n_layers=1, d_model=8, n_heads=2)
    checkpoints.save(tmp_path, model, header_of(model.arch, "a"))
    path = checkpoints.path_of(tmp_path, 7)
    with checkpoints.opened(path, str) as (file, _):
        weights = checkpoints.read_tensors(file)
        said = json.loads(file.metadata()["checkpoint"])
    said["model"] |= change
    save_file(weights, path, metadata={"checkpoint": json.dumps(said)})
    with pytest.raises(StageError, match=wanted):
        checkpoints.load(path)


def test_a_checkpoint_with_nan_is_refused(tmp_path):
    model = random_model()
    with torch.no_grad():
        model.head.weight[3, 3] = float("nan")
    checkpoints.save(tmp_path, model, header_of(model.arch, "a"))
    with pytest.raises(StageError, match=r"head\.weight is not finite"):
        checkpoints.load(checkpoints.path_of(tmp_path, 7))


def evaluation_files(folder: Path, tokens: dict, sampled: list[int]) -> tuple[Source, Source]:
    files = [Source(folder / name, "corpus") for name in ("eval.parquet", "eval_sequences.parquet")]
    write_table(EVAL, files[0].path, tokens, provenance_by("corpus"))
    count = len(sampled)
    rest = {
        "seq": np.arange(count, dtype=np.int16),
        "document": np.zeros(count, np.int32),
        "start": np.zeros(count, np.int32),
        "sampled_pos": np.array(sampled, np.int16),
    }
    write_table(EVAL_SEQUENCES, files[1].path, rest, provenance_by("corpus"))
    return files[0], files[1]


@pytest.mark.parametrize("lost", [0, 5, 11])
def test_an_evaluation_set_with_a_hole_is_refused(tmp_path, lost):
    table = {
        "seq": np.repeat(np.arange(3, dtype=np.int16), 4),
        "pos": np.tile(np.arange(4, dtype=np.int16), 3),
        "token": np.arange(12, dtype=np.uint16),
    }
    tokens, sequences = evaluation_files(tmp_path, table, [0, 1, 2])
    assert evaluation.sequences(tokens).tolist()[2] == [8, 9, 10, 11]
    with_hole = {name: np.delete(column, lost) for name, column in table.items()}
    evaluation_files(tmp_path, with_hole, [0, 3])
    with pytest.raises(StageError, match=r"eval\.parquet: sequences of different lengths"):
        evaluation.sequences(tokens)
    with pytest.raises(StageError, match=r"sampled_pos beyond 0 … 2"):
        evaluation.sampled_positions(sequences, 4)


def test_tokens_that_a_model_cannot_read_are_refused():
    header = header_of(random_model().arch, "a")
    checkpoints.check_fits(torch.full((2, 48), VOCAB - 1), header, Path("x"))
    for tokens in (torch.full((2, 48), VOCAB), torch.zeros((2, 49), dtype=torch.int64)):
        with pytest.raises(StageError, match="from different corpora"):
            checkpoints.check_fits(tokens, header, Path("x"))
