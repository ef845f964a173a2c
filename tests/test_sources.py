"""Where text comes from, and what is done with what is no text."""

import json
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.files import sources
from stages.files.stage import StageError
from stages.settings.corpus import Corpus, Evaluation

FILES = Corpus(
    source="files",
    packages=(),
    exclude_names=("skip.txt",),
    files="",
    text_column="text",
    max_characters=10_000,
    min_characters=5,
    tokenizer_characters=1_000,
    vocab_size=300,
    n_ctx=32,
    seed=0,
    evaluation=Evaluation(4, 0.2),
)


def read(folder, pattern="**/*", **changed):
    return sources.read(replace(FILES, files=f"{folder}/{pattern}", **changed))


def test_files_of_every_kind(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.md").write_text("markdown text", encoding="utf-8")
    (tmp_path / "b.txt").write_text("plain text é", encoding="utf-8")
    (tmp_path / "skip.txt").write_text("left out by name")
    (tmp_path / "short.txt").write_text("abc")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait")
    lines = [json.dumps({"text": "from jsonl"}), "{broken", json.dumps({"other": 1}), "[]"]
    (tmp_path / "c.jsonl").write_text("\n".join([*lines, r'{"text": "lone \ud800 surrogate"}']))
    pq.write_table(pa.table({"text": ["from parquet", None]}), tmp_path / "d.parquet")
    (tmp_path / "e.parquet").write_bytes(b"PAR1 not really")
    documents, skipped = read(tmp_path)
    assert sorted(document.text for document in documents) == [
        "from jsonl",
        "from parquet",
        "markdown text",
        "plain text é",
    ]
    assert skipped == {
        "excluded name": 1,
        "too short": 1,
        "not UTF-8": 2,
        "not JSON": 1,
        "no text in record": 3,
        "not readable": 1,
    }


def test_a_parquet_file_without_the_column_names_the_key(tmp_path):
    pq.write_table(pa.table({"body": ["some text"]}), tmp_path / "a.parquet")
    with pytest.raises(StageError, match=r"a\.parquet.*\['body'\].*'text'.*corpus\.text_column"):
        read(tmp_path)
    assert read(tmp_path, text_column="body")[0][0].text == "some text"


def test_no_text_found_says_where_it_looked(tmp_path):
    with pytest.raises(StageError, match=r"corpus\.files .*nothing.*no text|found no text"):
        read(tmp_path)


def test_packages_are_the_sources_of_an_installed_package():
    packages = replace(FILES, source="packages", packages=("pyyaml",), exclude_names=())
    documents, _ = sources.read(packages)
    names = {document.name for document in documents}
    assert "yaml/loader.py" in names
    assert all(name.endswith(".py") for name in names)
    (loader,) = (d for d in documents if d.name == "yaml/loader.py")
    path = next(f for f in metadata.files("pyyaml") if str(f) == "yaml/loader.py").locate()
    assert loader.text == Path(path).read_text(encoding="utf-8")


def test_docstrings_are_shorter_than_their_sources():
    packages = replace(FILES, source="packages", packages=("networkx",))
    sizes = {}
    for source in ("packages", "docstrings"):
        documents, _ = sources.read(replace(packages, source=source))
        sizes[source] = {d.name: len(d.text) for d in documents}
    assert "networkx/classes/graph.py" in sizes["docstrings"]
    for name, size in sizes["docstrings"].items():
        assert size < sizes["packages"][name]


def test_a_package_that_is_not_installed_is_named():
    packages = replace(FILES, source="packages", packages=("no-such-package-here",))
    with pytest.raises(StageError, match=r"corpus\.packages.*no-such-package-here.*install it"):
        sources.read(packages)
