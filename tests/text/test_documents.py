"""Text to tokens: every byte survives, every window is where it should be."""

import re
import time
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from induction.text.documents import (
    END_OF_TEXT,
    END_OF_TEXT_ID,
    LONGEST_WORD,
    Document,
    distinct,
    docstrings,
    pieces,
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


@pytest.mark.parametrize(
    "source",
    [
        "-" * 100_000 + "1",
        "1+" * 100_000 + "1",
        "(" * 1_000,
        "a." * 100_000 + "b",
        "\0",
        "\ufeff\0",
    ],
    ids=["unary", "sum", "brackets", "attributes", "nul", "bom"],
)
def test_a_source_too_odd_to_parse_says_so_like_any_other(source):
    with pytest.raises((SyntaxError, ValueError)):
        docstrings(source)


def test_warnings_about_a_source_do_not_decide_about_it():
    source = '"""A \\d of old."""\nif 1 is 1:\n    assert (x, "always true")\n'
    with warnings.catch_warnings(action="error"):
        assert docstrings(source) == "A \\d of old."


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
    for own in (tokenizer, TOKENIZER):
        ids = own.encode_batch_fast([text])[0].ids
        assert own.decode(ids, skip_special_tokens=False) == text
    assert time.monotonic() - start < 10
    documents = distinct([Document("a", text), Document("b", text)])
    assert [document.name for document in within(documents, 1)] == ["a"]
    assert stream([np.array(ids, np.uint16)]).size == len(ids) + 1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("a \n\t=é\u05d0\x1c\x85"), st.integers(0, 3_000)), max_size=8
    )
)
def test_pieces_are_the_text_with_no_long_word(runs):
    text = "".join(letter * count for letter, count in runs)
    found = list(pieces(text))
    assert "".join(found) == text
    assert (
        max(len(run) for piece in found for run in re.findall(r"\S+|\s+|^$", piece)) <= LONGEST_WORD
    )
    if all(len(run) <= LONGEST_WORD for run in re.findall(r"\S+|\s+", text)):
        assert found == [text]


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
