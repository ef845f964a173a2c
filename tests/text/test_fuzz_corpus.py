"""10,000 corpora, nearly all broken: each costs what is broken in it, or is refused in one line.

The same inputs on every run; `mutated(data, random.Random(i), …)` makes the i-th of a kind again.
"""

import gzip
import io
import json
import os
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from induction.config.corpus import CorpusSettings, Evaluation
from induction.config.errors import StageError
from induction.text import sources
from tests.watched import watched

pytestmark = pytest.mark.slow

OUTCOMES: Counter = Counter()
REASONS = {
    *("excluded name", "not a regular file", "not readable", "not UTF-8", "not JSON"),
    *("no text in record", "too long", "too short"),
}


def check(kind: str, files: str) -> list[str]:
    """Read the glob, hold the outcome to what a user may see, and return the texts."""
    params = CorpusSettings(
        "files", (), (), "texts/*.txt", None, "text", 10**6, 1, 1.0, 10**5, 300, 32, 0,
        Evaluation(4, 32, 0.2),
    )  # fmt: skip
    # Settings refuse absolute globs, but the folders of these tests lie outside the project.
    object.__setattr__(params, "files", files)
    try:
        with watched():
            documents, left_out = sources.read(params)
    except StageError as error:
        message = str(error)
        assert message.isprintable() and len(message) < 1_200, message
        assert message.startswith("params.yaml: corpus.files") or ": found " in message, message
        assert "; " in message, message
        OUTCOMES[kind, "link" if "found a link to" in message else "refused"] += 1
        return []
    counts = left_out.counts
    assert set(counts) <= REASONS and all(count > 0 for count in counts.values()), counts
    names = [name for part in left_out.parts for name in part.examples]
    assert names or not counts
    assert all(name.isprintable() for name in names)
    for document in documents:
        assert document.name.isprintable() and document.text
        assert len(document.sha256) == 64  # which takes valid Unicode
    OUTCOMES[kind, "in part" if counts else "whole"] += 1
    return [document.text for document in documents]


def mutated(data: bytes, rng: random.Random, tokens: list[bytes], tail: int) -> bytes:
    """`data` with a few broken bytes, half of them in its last `tail` bytes."""
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        low = max(0, len(data) - tail) if rng.random() < 0.5 else 0
        i = rng.randrange(low, len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            data = data[:i] + bytes([rng.randrange(256)]) + data[i + 1 :]
        elif kind == 1:
            flipped = bytes(byte ^ (1 << rng.randrange(8)) for byte in data[i : i + 1])
            data = data[:i] + flipped + data[i + 1 :]
        elif kind == 2:
            data = data[:i] + rng.choice(tokens) + data[i + rng.randrange(5) :]
        elif kind == 3:
            data = data[:i] + data[i + rng.randrange(1, 9) :]
        elif kind == 4:
            j = rng.randrange(len(data) + 1)
            data = data[:i] + data[j : j + rng.randrange(1, 60)] + data[i:]
        elif rng.random() < 0.3:
            data = data[:i]
    return data


TEXTS = [f"text {i} ünïcödé 👩 " * (i % 4 + 1) for i in range(30)]


def parquet(texts: list, kind: pa.DataType | None = None, **settings: Any) -> bytes:
    file = io.BytesIO()
    texts = pa.array(texts, kind or pa.string())
    table = pa.table({"n": range(len(texts)), "text": texts, "list": [[1, 2]] * len(texts)})
    pq.write_table(table, file, **settings)
    return file.getvalue()


PLAIN = {"n": "PLAIN", "list.list.element": "PLAIN"}
PARQUETS = {
    "snappy": parquet([*TEXTS, None]),
    "zstd": parquet([*TEXTS, None], compression="zstd", row_group_size=7),
    "plain": parquet([*TEXTS, None], use_dictionary=False, compression="none"),
    "large": parquet(TEXTS, pa.large_string(), data_page_version="2.0", compression="gzip"),
    "view": parquet(TEXTS, pa.string_view(), store_schema=False, write_page_index=True),
    "delta": parquet(
        TEXTS, use_dictionary=False, column_encoding=PLAIN | {"text": "DELTA_BYTE_ARRAY"}
    ),
    "lengths": parquet(
        TEXTS, use_dictionary=False, column_encoding=PLAIN | {"text": "DELTA_LENGTH_BYTE_ARRAY"}
    ),
}
# Numbers as Thrift writes them: huge, negative, cut off; and long runs of nothing.
THRIFT = [b"\xff\xff\xff\xff\x0f", b"\xfe" + b"\xff" * 8 + b"\x7f", b"\x80" * 5, b"\0", b"\0" * 64]


@pytest.mark.parametrize("kind", PARQUETS)
def test_broken_parquet(tmp_path, kind):
    data = PARQUETS[kind]
    path = tmp_path / "a.parquet"
    path.write_bytes(data)
    assert check("as made", f"{path}") == TEXTS
    for i in range(800):
        footer = int.from_bytes(data[-8:-4], "little") + 8
        path.write_bytes(mutated(data, random.Random(i), THRIFT, footer))
        assert len(check(kind, f"{path}")) <= 1_000
    assert OUTCOMES[kind, "refused"] + OUTCOMES[kind, "in part"] > 500, OUTCOMES


JSONL = "".join(
    json.dumps(record, ensure_ascii=i % 2 == 0) + "\n"
    for i, text in enumerate(TEXTS)
    for record in ({"text": text, "n": i, "meta": {"a": [1, 2.5, None, True]}},)
).encode()
JSON = [
    *[b"{", b"}", b"[", b"]", b'"', b"\\", b"\\ud800", b"\\u0000", b"\n", b"\r\n", b"\n\n\n", b","],
    *[b"NaN", b"1e999", b"-", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8"],
    *[b"9" * 5_000, b"[" * 5_000, b'{"text":' * 5_000, b'"text": null, ', b'"text": ["a"], '],
    *[b" " * 5_000, b'{"text": "more"}\n', b"null\n", b"\n[]\n"],
]


def test_broken_jsonl(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(JSONL)
    assert check("as made", f"{path}") == TEXTS
    for i in range(3_000):
        data = mutated(JSONL, random.Random(i), JSON, 500)
        path.write_bytes(data)
        texts = check("jsonl", f"{path}")
        # Line by line, by other means: what a line says does not depend on its neighbours.
        assert texts == [text for line in data.split(b"\n") for text in texts_of(line)]
    assert OUTCOMES["jsonl", "in part"] > 2_000, OUTCOMES


ARRAY = json.dumps([{"text": text, "n": [i]} for i, text in enumerate(TEXTS)]).encode()
PACKED = {
    "array.json": (ARRAY, JSON),
    "a.jsonl.gz": (gzip.compress(JSONL), THRIFT),
    "a.json.gz": (gzip.compress(ARRAY), THRIFT),
    "a.jsonl.zst": (pa.compress(JSONL, codec="zstd", asbytes=True), THRIFT),
    "utf16.jsonl": (JSONL.decode().encode("utf-16"), JSON),
}


@pytest.mark.parametrize("name", PACKED)
def test_broken_arrays_and_archives(tmp_path, name):
    path = tmp_path / name
    data, tokens = PACKED[name]
    path.write_bytes(data)
    assert check("as made", f"{path}") == TEXTS
    for i in range(600):
        path.write_bytes(mutated(data, random.Random(i), tokens, 500))
        assert len(check(name, f"{path}")) <= 1_000
    assert OUTCOMES[name, "refused"] + OUTCOMES[name, "in part"] > 300, OUTCOMES


def texts_of(line: bytes) -> list[str]:
    try:
        text = json.loads(line.decode()).get("text")
        return [text] if isinstance(text, str) and text and text.encode() else []
    except (ValueError, RecursionError, AttributeError):
        return []


def test_broken_text(tmp_path):
    path = tmp_path / "a.txt"
    data = "\n".join(TEXTS).encode()
    for i in range(1_000):
        broken = mutated(data, random.Random(i), JSON, 100)
        path.write_bytes(broken)
        texts = check("text", f"{path}")
        assert "".join(texts) == ("" if not is_utf8(broken) else broken.decode())
    assert OUTCOMES["text", "refused"] > 500 and OUTCOMES["text", "whole"] > 100, OUTCOMES


def is_utf8(data: bytes) -> bool:
    try:
        return bool(data.decode() or True)
    except UnicodeDecodeError:
        return False


ODD = st.text(st.sampled_from("ab*?[]!-.\n\x1b\\'\"<é\udce9"), min_size=1, max_size=5)
NAME = st.sampled_from(["a", "ab", "b"]) | ODD.filter(lambda name: name not in (".", ".."))
KIND = st.sampled_from(["file", "file", "folder", "pipe", "in", "out", "up", "self", "nowhere"])
MAGIC = st.sampled_from(["**", "*", "?", "[a-b]*", "*b*", "[!a]", "["])
# Folders before the first of them may be links: whoever names them means them.
PATTERN = st.tuples(MAGIC, st.lists(MAGIC | NAME, max_size=3)).map(lambda both: [both[0], *both[1]])


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(
    entries=st.lists(st.tuples(NAME, NAME, KIND), max_size=8),
    pattern=PATTERN,
    at_once=st.booleans(),
)
def _folders(folder, entries, pattern, at_once):
    inside, outside = folder / "texts", folder / "outside"
    for path in (inside, outside):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    (outside / "a").write_text("a secret")
    for parent, name, kind in entries:
        path = (inside if at_once else inside / parent) / name
        try:
            path.parent.mkdir(exist_ok=True)
            make(path, kind, inside, outside)
        except OSError:  # something of that name is there
            continue
    texts = check("folders", "/".join([f"{inside}", *pattern]))
    assert "a secret" not in texts


def make(path: Path, kind: str, inside: Path, outside: Path) -> None:
    if kind == "file":
        with open(path, "x") as file:  # never into a pipe that is there, which would wait
            file.write("some text")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        targets = {"in": inside / "a", "out": outside, "up": inside, "self": path}
        path.symlink_to(targets.get(kind, outside / "nowhere"))


def test_folders_of_links_and_pipes_and_odd_names_under_any_glob(tmp_path):
    _folders(tmp_path)
    assert OUTCOMES["folders", "refused"] > 200 and OUTCOMES["folders", "link"] > 50, OUTCOMES
    assert OUTCOMES["folders", "whole"] + OUTCOMES["folders", "in part"] > 40, OUTCOMES
