"""Datasets of a hub, which this machine serves: no test reaches the Internet."""

import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from induction.config.corpus import Hub
from induction.pipeline.environment import run
from induction.text import hub as hubs
from tests.text.hub import COMMIT, GATED, hub

pytestmark = pytest.mark.slow  # each starts a program that imports the libraries of the hub
TEXTS = [f"a small boat, number {i}, ünder the bridge" for i in range(500)]
# The libraries read the address of the hub when they are imported, so each test is a program.
READ = """
import sys, json
from induction.config.corpus import CorpusSettings, Evaluation, Hub
from induction.config.errors import StageError
from induction.text import sources
hub, column, most = json.loads(sys.argv[1])
settings = CorpusSettings(
    "hub", (), (), "", Hub(**hub), column, most, 5, 1.0, 1_000, 300, 32, 0, Evaluation(4, 32, 0.2)
)
sources.versions(settings), sources.digest(settings), sources.check(settings)
assert not {"datasets", "huggingface_hub"} & set(sys.modules), "these take seconds to import"
try:
    documents, left_out = sources.read(settings)
    print(json.dumps([[[d.name, d.text] for d in documents], left_out.counts]))
except StageError as error:
    sys.exit(str(error))
"""


def parquet(texts: list, **options) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": range(len(texts)), "text": texts}), file, **options)
    return file.getvalue()


def lines(texts: list, key: str = "text") -> bytes:
    return "".join(json.dumps({key: text}) + "\n" for text in texts).encode()


CARD = b"""---
configs:
- {config_name: %s, data_files: %s}
- {config_name: b, data_files: x.csv}
---
"""
REPOSITORIES = {
    "a/books": {
        "README.md": b"# Books\n",
        "data/train-00000-of-00002.parquet": parquet(TEXTS[:400], row_group_size=50),
        "data/train-00001-of-00002.parquet": parquet(TEXTS[400:]),
        "data/test-00000-of-00001.parquet": parquet([*TEXTS[:2], None, "abc"]),
    },
    "a/lines": {"train.jsonl": lines(TEXTS, "content")},
    "a/numbers": {"train.jsonl": lines([1, 2, 3])},
    "a/broken": {"train.jsonl": lines(TEXTS[:2]) + b"{broken\n"},
    "a/two": {
        "README.md": CARD % (b"a", b"y.csv"),
        "x.csv": b"text\ntext of x\n",
        "y.csv": b"text\ny\n",
    },
    "a/script": {"script.py": b"raise SystemExit('this was run')\n", "train.jsonl": lines(TEXTS)},
    "a/images": {"train/a.png": b"\x89PNG"},
    "a/moving": {
        "README.md": CARD % (b"a", b"hf://datasets/a/moving@main/x.csv"),
        "x.csv": b"text\n",
    },
    "a/thief": {"README.md": CARD % (b"a", b"/SECRET"), "x.csv": b"text\nof x\n"},
    GATED: {"README.md": b"", "train.jsonl": lines(TEXTS)},
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "secret.csv"
    secret.write_text("text\na secret of this machine\n")
    path = str(secret).encode()
    thief = {p: d.replace(b"/SECRET", path) for p, d in REPOSITORIES["a/thief"].items()}
    with hub({**REPOSITORIES, "a/thief": thief}) as (address, asked):
        yield address, asked


def read(
    folder: Path, address: str, name: str, column: str = "text", most: int = 10**6, **changed: str
):
    """What `sources.read` gives of a dataset in `folder`, or its error."""
    wanted = {"dataset": name, "configuration": "", "revision": COMMIT, "split": "train"} | changed
    home = folder / "home"
    home.mkdir(exist_ok=True)
    done = run(
        [sys.executable, "-c", READ, json.dumps([wanted, column, most])],
        {
            "HOME": str(home),
            "HF_HOME": str(home / "own"),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_DATASETS_CACHE": str(home / "datasets"),
            "HF_ENDPOINT": address,
            "PYTHONPATH": str(Path.cwd()),
        },
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert not list(home.rglob("*")), "nothing is written outside the project"
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    if done.returncode:
        assert done.stderr.count("\n") == 1 and done.stderr.strip().isprintable(), done.stderr
        return done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_the_rows_of_a_split_in_its_order(tmp_path, endpoint):
    documents, left_out = read(tmp_path, endpoint[0], "a/books")
    assert [text for _, text in documents] == TEXTS and not left_out
    assert documents[0][0] == "a/books/train:000000001"
    assert {path.name for path in tmp_path.iterdir()} == {"home", ".scratch"}
    documents, left_out = read(tmp_path, endpoint[0], "a/books", split="test")
    assert len(documents) == 2 and left_out == {"no text in record": 1, "too short": 1}


def test_reading_stops_as_soon_as_there_is_enough(tmp_path, endpoint):
    address, asked = endpoint
    asked.clear()
    documents, _ = read(tmp_path, address, "a/books", most=1_000)
    texts = [text for _, text in documents]
    assert texts == TEXTS[: len(texts)]
    assert sum(map(len, texts)) <= 1_000 < sum(map(len, TEXTS[: len(texts) + 1]))
    assert not any("00001-of-00002" in path for path in asked), "the second file is not opened"


def test_json_lines_and_a_configuration(tmp_path, endpoint):
    documents, _ = read(tmp_path, endpoint[0], "a/lines", "content")
    assert [text for _, text in documents] == TEXTS
    documents, _ = read(tmp_path, endpoint[0], "a/two", configuration="b")
    assert documents == [["a/two/b/train:000000001", "text of x"]]


@pytest.mark.parametrize(
    ("name", "changed", "says"),
    [
        ("a/lines", {}, "a/lines/train: found columns ['content'], expected 'text' once; set"),
        ("a/numbers", {}, "a/numbers/train: found column 'text' of type int64, expected "),
        ("a/books", {"split": "dev"}, ".split: found 'dev', expected one of a/books: train"),
        ("a/books", {"revision": "1" * 40}, f".revision: found '{'1' * 40}', expected a commi"),
        ("a/none", {}, ".dataset: found 'a/none', expected a dataset that the hub has and "),
        (GATED, {}, ".dataset: found 'a/gated', which is gated, expected one that you may r"),
        ("a/two", {}, ".configuration: found '', expected one of a/two (ValueError: Config "),
        ("a/two", {"configuration": "c"}, ".configuration: found 'c', expected one of a/two"),
        ("a/script", {}, ".dataset: found 'a/script', which a script makes, expected files "),
        ("a/images", {}, ".dataset: found 'a/images', whose files are read as imagefolder, "),
        ("a/broken", {}, ": found 'a/broken/train', which cannot be read (ArrowInvalid: JSO"),
        ("a/moving", {"configuration": "a"}, ".dataset: found 'a/moving', which names 'hf:/"),
        ("a/thief", {"configuration": "a"}, ": found 'a/thief/a/train', which cannot be rea"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, endpoint, name, changed, says):
    error = read(tmp_path, endpoint[0], name, **changed)
    where = "" if says.startswith("a/") else "params.yaml: corpus.hub"
    assert error.startswith(where + says) and "; " in error and "secret of" not in error


def test_a_hub_that_does_not_answer_is_refused_in_one_line(tmp_path):
    with hub({}) as (address, _):
        pass  # nobody listens there any more
    error = read(tmp_path, address, "a/books")
    assert error.startswith(
        "params.yaml: corpus.hub: found no way to a/books/train (ConnectError: "
    )
    assert "HF_ENDPOINT" in error


def test_a_folder_of_the_same_name_is_not_read_instead(tmp_path, endpoint):
    (tmp_path / "a" / "lines").mkdir(parents=True)
    (tmp_path / "a" / "lines" / "train.jsonl").write_bytes(lines(["text of this machine"]))
    assert "found columns ['content']" in read(tmp_path, endpoint[0], "a/lines")


def test_every_part_of_the_name_decides_about_the_text():
    base = {"dataset": "a/b", "configuration": "c", "revision": COMMIT, "split": "train"}
    assert hubs.name_of(Hub(**base)) == "a/b/c/train"
    assert hubs.name_of(Hub(**base | {"configuration": ""})) == "a/b/train"
