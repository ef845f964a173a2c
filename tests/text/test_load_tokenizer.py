"""A damaged tokenizer.json ends in an error that names the file and the remedy."""

import pytest

from induction.config.errors import StageError
from induction.tables.source import Source
from induction.text.documents import train_tokenizer
from induction.text.tokenizer import load_tokenizer

TOKENIZER = train_tokenizer(["the cat sat on the mat\n" * 50], 280).to_str()


def test_a_saved_tokenizer_is_the_same(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(TOKENIZER, encoding="utf-8")
    assert load_tokenizer(Source(path, "corpus")).to_str() == TOKENIZER


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", TOKENIZER.encode()[:-100]])
def test_a_damaged_tokenizer_is_named(content, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(StageError, match=r"tokenizer\.json: damaged.*; rebuild it with.* corpus"):
        load_tokenizer(Source(path, "corpus"))


def test_a_missing_tokenizer_is_named(tmp_path):
    with pytest.raises(StageError, match=r"tokenizer\.json: not found; make it with"):
        load_tokenizer(Source(tmp_path / "tokenizer.json", "corpus"))
