"""The tokenizer: every text survives it, however odd."""

import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from induction.config.errors import StageError
from induction.tables.source import Source
from induction.text.stream import END_OF_TEXT_ID
from induction.text.tokenizer import (
    END_OF_TEXT,
    LONGEST_WORD,
    load_tokenizer,
    split_long_words,
    train_tokenizer,
)

TOKENIZER = train_tokenizer(["the cat sat on the mat, the cat sat\n" * 50], 280)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_survives_the_tokenizer(text):
    ids = TOKENIZER.encode(text).ids
    assert TOKENIZER.decode(ids, skip_special_tokens=False) == text
    assert END_OF_TEXT_ID not in ids


def test_a_document_cannot_end_itself():
    ids = TOKENIZER.encode(f"before {END_OF_TEXT} after").ids
    assert END_OF_TEXT_ID not in ids
    assert TOKENIZER.decode(ids) == f"before {END_OF_TEXT} after"


def test_the_same_text_gives_the_same_tokenizer():
    texts = [f"def f{i}(x):\n    return x * {i}\n" for i in range(300)]
    assert train_tokenizer(texts, 400).to_str() == train_tokenizer(texts, 400).to_str()


def test_too_little_text_gives_a_smaller_vocabulary():
    assert train_tokenizer(["ab"], 1000).get_vocab_size() < 1000


# One word each, or none: merges of a long word cost its square.
ODD = {
    "nothing": "",
    "nul": "\0",
    "spaces": " \t\r\n\v\f\x1c\x85\u00a0\u2028\u3000" * 10,
    "right to left": "\u202e\u05d0\u05d1 \u0627\u0644\u200f" * 10,
    "emoji": "👩\u200d👩\u200d👧🏽🇩🇪" * 10,
    "combining": "e" + "\u0301" * 10_000,
    "not characters": "\ufffe\uffff\ufdd0\U0010ffff" * 10,
    "one letter": "a" * 1_000_000,
    "one space": " " * 1_000_000,
    "one line break": "\n" * 1_000_000,
    "random letters": "".join(
        chr(97 + n) for n in np.random.default_rng(0).integers(0, 9, 200_000)
    ),
    "digits": "0123456789" * 50_000,
    "two signs": "=-" * 500_000,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_texts_train_a_tokenizer_and_survive_it(text):
    start = time.monotonic()
    tokenizer = train_tokenizer([text, "other text"], 300)
    for trained in (tokenizer, TOKENIZER):
        ids = trained.encode_batch_fast([text])[0].ids
        assert trained.decode(ids, skip_special_tokens=False) == text
    assert time.monotonic() - start < 10


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("a \n\t=é\u05d0\x1c\x85"), st.integers(0, 3_000)), max_size=8
    )
)
def test_splitting_keeps_the_text_and_leaves_no_long_word(runs):
    text = "".join(letter * count for letter, count in runs)
    split = list(split_long_words(text))
    assert "".join(split) == text
    assert (
        max(len(run) for piece in split for run in re.findall(r"\S+|\s+|^$", piece)) <= LONGEST_WORD
    )
    if all(len(run) <= LONGEST_WORD for run in re.findall(r"\S+|\s+", text)):
        assert split == [text]


def test_a_tokenizer_is_loaded_as_saved_or_its_fault_is_named(tmp_path):
    path, saved = tmp_path / "tokenizer.json", TOKENIZER.to_str()
    source = Source(path, "corpus")
    with pytest.raises(StageError, match=r"tokenizer\.json: not found; make it with"):
        load_tokenizer(source)
    path.write_text(saved, encoding="utf-8")
    assert load_tokenizer(source).to_str() == saved
    for content in (b"", b"{}", b"\xff", saved.encode()[:-100]):
        path.write_bytes(content)
        with pytest.raises(StageError, match=r"tokenizer\.json: damaged.*; rebuild it with"):
            load_tokenizer(source)
