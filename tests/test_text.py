"""Text to tokens: every byte survives, every window is where it should be."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.lib.text import (
    END_OF_TEXT,
    END_OF_TEXT_ID,
    Document,
    distinct,
    docstrings,
    stream,
    train_tokenizer,
    windows,
    within,
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


def test_duplicates_keep_their_first_name_and_order_is_by_hash():
    documents = [Document("b", "same"), Document("a", "same"), Document("c", "other")]
    found = distinct(documents)
    assert {document.name for document in found} == {"a", "c"}
    assert found == distinct(documents[::-1])
    assert [d.sha256 for d in found] == sorted(d.sha256 for d in found)


def test_docstrings_in_the_order_of_the_source():
    source = '"""Module."""\nclass A:\n    """Class."""\n    def f(self):\n        """Method."""\n'
    assert docstrings(source) == "Module.\n\nClass.\n\nMethod."
    assert docstrings("x = 1") == ""
    with pytest.raises(SyntaxError):
        docstrings("def")


def test_within_stays_below_and_keeps_one():
    documents = [Document(str(i), "x" * 10) for i in range(5)]
    assert len(within(documents, 35)) == 3
    assert len(within(documents, 1)) == 1


def test_stream_separates_documents():
    parts = [np.array([5, 6], np.uint16), np.array([7], np.uint16)]
    assert stream(parts).tolist() == [0, 5, 6, 0, 7]


@settings(max_examples=200, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 200), max_size=12),
    n_ctx=st.integers(2, 40),
    count=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_windows_lie_inside_and_apart(lengths, n_ctx, count, seed):
    found = windows(lengths, n_ctx, count, np.random.default_rng(seed))
    assert len(found) <= count
    for document, start in found:
        assert 0 <= start <= lengths[document] - n_ctx
    for document in {document for document, _ in found}:
        starts = sorted(start for own, start in found if own == document)
        assert all(b - a >= n_ctx for a, b in pairwise(starts))
    # Every document that can give a window gives one before any gives two.
    able = sum(length >= n_ctx for length in lengths)
    assert len({document for document, _ in found[:able]}) == min(able, count)


def test_windows_start_at_random_offsets():
    starts = [start for _, start in windows([10_000] * 50, 100, 50, np.random.default_rng(0))]
    assert min(starts) > 0 and len(set(starts)) > 40
