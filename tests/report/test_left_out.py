"""What the corpora lack stands where the run says its result."""

from induction.report.left_out import left_out

ROWS = [
    {"reason": "not UTF-8", "count": 1_234, "is_lost": True, "examples": ["a.txt", "b.txt"]},
    {"reason": "too short", "count": 1, "is_lost": False, "examples": ["c.txt"]},
]


def test_a_sentence_per_corpus_of_which_something_was_left_out():
    manifests = [
        {"provenance": {"cell": cell}, "left_out": rows}
        for cell, rows in (("", ROWS), ("docs", ROWS[1:]), ("whole", []))
    ]
    assert left_out(manifests) == [
        ("the text", "not UTF-8: 1,234 (a.txt, b.txt, and 1,232 more); too short: 1 (c.txt)"),
        ("the corpus docs", "too short: 1 (c.txt)"),
    ]
