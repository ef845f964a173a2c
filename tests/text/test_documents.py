"""Documents: one per text, their docstrings, and a budget of characters."""

import warnings

import pytest

from induction.text.documents import Document, distinct, docstrings, within


def test_duplicates_keep_their_first_name_and_order_is_by_hash():
    documents = [Document("b", "same"), Document("a", "same"), Document("c", "other")]
    kept = distinct(documents)
    assert {document.name for document in kept} == {"a", "c"}
    assert kept == distinct(documents[::-1])
    assert [d.sha256 for d in kept] == sorted(d.sha256 for d in kept)


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


def test_within_stays_below_and_keeps_one():
    documents = [Document(str(i), "x" * 10) for i in range(5)]
    assert len(within(documents, 35)) == 3
    assert len(within(documents, 1)) == 1
