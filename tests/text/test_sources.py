"""Where text comes from, and what is done with what is no text."""

import glob
import json
import os
import resource
import shlex
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from induction.config.corpus import CorpusSettings, Evaluation
from induction.config.errors import StageError, visible
from induction.pipeline.environment import run
from induction.text import files, opening, records, sources
from induction.text.left_out import LeftOut, rows, sentence

FILES = CorpusSettings(
    source="files",
    packages=(),
    exclude_names=("skip.txt",),
    files="texts/*.txt",
    hub=None,
    text_column="text",
    max_characters=10_000,
    min_characters=5,
    max_lost=1.0,
    tokenizer_characters=1_000,
    vocab_size=300,
    n_ctx=32,
    seed=0,
    evaluation=Evaluation(4, 32, 0.2),
)


def read(folder, pattern="**/*", **changed):
    """The documents, and how many were left out by reason."""
    settings = replace(FILES, **changed)
    # Settings refuse absolute globs, but the folders of these tests lie outside the project.
    object.__setattr__(settings, "files", f"{folder}/{pattern}")
    documents, left_out = sources.read(settings)
    return documents, left_out.counts


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


def test_much_that_is_lost_is_an_error_that_a_param_allows(tmp_path):
    for i in range(9):
        (tmp_path / f"{i}.txt").write_text(f"some text {i}")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait")
    (tmp_path / "short.txt").write_text("abc")  # as params ask for, so not lost
    (tmp_path / "skip.txt").write_text("left out by name")
    wanted = (
        r"corpus\.files .*found 1 of 12 files and records whose text is lost, expected a share of "
        r"at most corpus\.max_lost = 0\.08 \(not UTF-8: 1 \(.*latin\.txt \(perhaps cp1252: .*\)"
        r"\).*; mend them.* raise "
    )
    with pytest.raises(StageError, match=wanted):
        read(tmp_path, max_lost=0.08)
    assert len(read(tmp_path, max_lost=0.09)[0]) == 9
    for line in range(3):  # records count like files
        (tmp_path / "a.jsonl").write_text("no JSON\n" * (line + 1))
    with pytest.raises(StageError, match=r"found 4 of 15 .* \(not JSON: 3 \(.*a\.jsonl:000000001"):
        read(tmp_path, max_lost=0.09)


def test_what_is_left_out_is_named_and_counted(tmp_path):
    for i in range(5):
        (tmp_path / f"{i}.txt").write_bytes(b"caf\xe9 au lait")
    (tmp_path / "a.txt").write_text("abc")
    settings = replace(FILES)
    object.__setattr__(settings, "files", f"{tmp_path}/*.txt")
    (tmp_path / "good.txt").write_text("good text")
    _, left_out = sources.read(settings)
    hint = "(perhaps cp1252: iconv -f cp1252 -t utf-8)"
    names = ", ".join(f"{tmp_path}/{i}.txt {hint}" for i in range(3))
    assert sentence(rows(left_out)) == (
        f"not UTF-8: 5 ({names}, and 2 more); too short: 1 ({tmp_path}/a.txt)"
    )


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("books/**/*.txt", "books"),
        ("books/en/*/a.txt", "books/en"),
        ("./books//[ab].txt", "books"),
        ("books/one.txt", "books/one.txt"),
        ("input.txt", "input.txt"),
    ],
)
def test_what_dvc_watches_of_a_glob(pattern, path):
    assert files.watched(pattern) == Path(path)


def test_the_digest_changes_with_every_file_that_is_read_and_no_other(tmp_path):
    (tmp_path / "a.txt").write_text("some text")
    settings = replace(FILES)
    object.__setattr__(settings, "files", f"{tmp_path}/*.txt")
    digests = [sources.digest(settings)]
    (tmp_path / "b.md").write_text("not of the glob")
    (tmp_path / "skip.txt").write_text("left out by name")
    assert sources.digest(settings) == digests[0]
    (tmp_path / "c.txt").write_bytes(b"\xff")
    digests.append(sources.digest(settings))
    (tmp_path / "c.txt").rename(tmp_path / "d.txt")
    digests.append(sources.digest(settings))
    (tmp_path / "a.txt").write_text("same size")
    digests.append(sources.digest(settings))
    assert len(set(digests)) == 4


def test_packages_are_the_sources_of_an_installed_package():
    packages = replace(FILES, source="packages", packages=("pyyaml",), exclude_names=())
    documents, _ = sources.read(packages)
    names = {document.name for document in documents}
    assert "yaml/loader.py" in names
    assert all(name.endswith(".py") for name in names)
    (loader,) = (d for d in documents if d.name == "yaml/loader.py")
    path = next(f for f in metadata.files("pyyaml") or () if str(f) == "yaml/loader.py").locate()
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


PATTERNS = ["**/*.txt", "*", "**", "a/**", "a/*/b.*", "**/a/**/*", "**/**/b.md", "[ab]/?.txt",
            "a/b", "a/b/b.md", "*/*/*", "a*/**/[!a]*", "nowhere/*", "b.md/*", "["]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_glob_finds_what_python_finds(tmp_path, monkeypatch, pattern):
    monkeypatch.chdir(tmp_path)
    for folder in ("a/a/a", "a/b", "b/a/b", "ab", ".hidden", "a/.hidden"):
        Path(folder).mkdir(parents=True)
        for name in ("a.txt", "b.md", ".secret.txt", "["):
            Path(folder, name).write_text("x")
    Path("b.md").write_text("x")
    assert files.matched(pattern, LeftOut()) == {
        Path(path) for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)
    }


def test_a_glob_of_many_stars_comes_back(tmp_path):
    (tmp_path / "/".join("d" * 30)).mkdir(parents=True)
    start = time.monotonic()
    assert files.matched(f"{tmp_path}/" + "**/*/" * 12 + "x", LeftOut()) == set()
    assert time.monotonic() - start < 5


@pytest.fixture
def texts(tmp_path) -> Path:
    """A folder of texts, and a secret beside it."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("nobody may read this")
    folder = tmp_path / "texts"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.txt").write_text("text of a")
    return folder


@pytest.mark.parametrize(
    ("link", "target", "pattern"),
    [
        ("deep/link.txt", "secret/key.txt", "**/*.txt"),
        ("deep/link.txt", "secret/key.txt", "deep/*"),
        ("deep/link.txt", "secret/key.txt", "deep/link.txt"),
        ("deep/link.txt", "/dev/zero", "**/*.txt"),
        ("deep/link.txt", "nowhere", "**/*.txt"),
        ("link", "secret", "**/*.txt"),
        ("link", "secret", "*/*.txt"),
        ("link", "secret", "**"),
        ("link", "/", "**/nowhere"),
        ("link", "texts of another", "*/*.txt"),  # a path that begins as that of texts does
    ],
)
def test_a_link_out_of_the_folder_is_refused_by_name(texts, link, target, pattern):
    (texts / link).symlink_to(texts.parent / target)
    (texts.parent / "texts of another").mkdir()
    wanted = rf"/{link}: found a link to .*{target}, expected what lies in .*; remove it"
    with pytest.raises(StageError, match=wanted) as caught:
        read(texts, pattern)
    assert str(caught.value).isprintable()


def test_a_link_that_the_glob_does_not_meet_is_left_alone(texts):
    (texts / "link").symlink_to(texts.parent / "secret")
    assert [document.text for document in read(texts, "deep/*")[0]] == ["text of a"]


def test_links_inside_the_folder_and_the_folder_itself_as_a_link_are_fine(texts):
    (texts / "again.txt").symlink_to("deep/a.txt")
    (texts / "up").symlink_to(".")
    (texts / "deep" / "up").symlink_to("..")
    (texts / "deep" / "loop.txt").symlink_to("loop.txt")
    (texts.parent / "link").symlink_to(texts)
    start = time.monotonic()
    documents, skipped = read(texts.parent / "link", "**/*.txt")
    assert time.monotonic() - start < 5
    base = texts.parent / "link"
    assert {d.name for d in documents} == {f"{base}/again.txt", f"{base}/deep/a.txt"}
    assert skipped == {"not readable": 1}


def test_the_remedy_for_a_link_out_of_the_folder_works(texts):
    """As in the snapshots of model hubs and in folders that `dvc add` linked to its cache, where
    all texts are links to a folder that no glob may name."""
    blobs = texts.parent / ".blobs"
    (texts / "deep").rename(blobs)
    (texts / "one.txt").symlink_to(blobs / "a.txt")
    (texts / "all").symlink_to(blobs)
    with pytest.raises(StageError, match="copy all of it with `cp -rL ") as caught:
        read(texts)
    _, command, _ = str(caught.value).split("`")
    run(shlex.split(command), check=True)
    documents, counts = read(f"{texts}_copied")
    assert [document.text for document in documents] == ["text of a"] * 2 and not counts


def test_links_to_folders_below_the_first_are_not_followed_as_dvc_does_not(texts):
    (texts / "link").symlink_to("deep")
    assert [d.name for d in read(texts, "*/*.txt")[0]] == [f"{texts}/deep/a.txt"]


def test_a_glob_may_pass_through_a_link_to_a_folder_of_the_project(texts, monkeypatch):
    """Whoever writes the glob names the link; DVC hashes the folder that it leads to."""
    monkeypatch.chdir(texts.parent)
    Path("link").symlink_to("texts/deep")
    (texts / "deep" / "round").symlink_to("../../link")
    (texts / "deep" / "b.txt").symlink_to("a.txt")
    settings = replace(FILES, files="link/**/*.txt")
    names = [document.name for document in sources.read(settings)[0]]
    assert names == ["link/a.txt", "link/b.txt"]
    files.check_folder(settings.files)
    before = sources.digest(settings)
    (texts / "deep" / "a.txt").write_text("other text of a")
    assert sources.digest(settings) != before


def test_what_is_no_file_is_not_waited_for(texts):
    for name in ("pipe.txt", "pipe.jsonl", "pipe.parquet"):
        os.mkfifo(texts / name)
    documents, skipped = read(texts)
    assert len(documents) == 1 and skipped == {"not a regular file": 3}


@pytest.mark.parametrize(
    "name", [b"new\nline.txt", b"<script>alert('x')<script>\".txt", b"caf\xe9.txt", b"\x1b[2J.txt",
             "\u202etxt.txt".encode(), b"\xe9.jsonl", b"\xe9.parquet", "né.txt".encode()]
)  # fmt: skip
def test_odd_file_names_become_visible_text(tmp_path, name):
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    if path.suffix == ".parquet":
        with open(path, "wb") as file:
            pq.write_table(pa.table({"text": ["some text"]}), file)
    else:
        path.write_text('{"text": "some text"}' if path.suffix == ".jsonl" else "some text")
    (document,), _ = read(tmp_path)
    assert document.name.isprintable() and document.name.startswith(f"{tmp_path}/")
    assert pa.array([document.name], pa.string()).to_pylist() == [document.name]
    assert document.name.startswith(visible(path.as_posix()))
    path.write_bytes(b"")
    with pytest.raises(StageError) as caught:
        read(tmp_path, path.name.replace("[", "[[]"))
    assert str(caught.value).isprintable()


ROWS = [f"some text {i}" for i in range(20)]
CHARACTERS, RECORDS = r"found more than 99 characters.*name fewer", r"found more than 9 records"


@pytest.mark.parametrize(
    ("limit", "value", "kind", "rows", "wanted"),
    [
        ("MAX_FILE", 99, "txt", ROWS, r"big\.txt: found 249 bytes, expected at most 99; split it"),
        ("MAX_FILE", 99, "jsonl", ROWS, r"big\.jsonl: found \d+ bytes, expected at most 99"),
        ("MAX_FILE", 99, "parquet", ROWS, r"big\.parquet: found \d+ bytes, expected at most 99"),
        ("MAX_CHARACTERS", 99, "txt", ROWS, CHARACTERS),
        ("MAX_CHARACTERS", 99, "jsonl", ROWS, CHARACTERS),
        ("MAX_CHARACTERS", 99, "parquet", ROWS, CHARACTERS),
        ("MAX_RECORDS", 9, "jsonl", ROWS, RECORDS),
        ("MAX_RECORDS", 9, "parquet", ROWS, RECORDS),
        # What is skipped counts, too: it takes as long.
        ("MAX_RECORDS", 9, "jsonl", [None] * 20, RECORDS),
        ("MAX_RECORDS", 9, "parquet", [None] * 20, RECORDS),
    ],
)
def test_more_than_fits_is_refused_by_name(tmp_path, monkeypatch, limit, value, kind, rows, wanted):
    path = tmp_path / f"big.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({"text": pa.array(rows, pa.string())}), path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps({"text": row}) + "\n" if row else "\n" for row in rows))
    else:
        path.write_text(" ".join(rows))
    monkeypatch.setattr(opening if limit == "MAX_FILE" else sources, limit, value)
    with pytest.raises(StageError, match=wanted):
        read(tmp_path, max_characters=10)


def test_who_asks_for_more_text_than_the_limit_gets_it(tmp_path, monkeypatch):
    (tmp_path / "big.txt").write_text(" ".join(ROWS))
    monkeypatch.setattr(sources, "MAX_CHARACTERS", 99)
    assert len(read(tmp_path, max_characters=1_000)[0]) == 1


def test_a_record_that_is_too_long_is_skipped_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "MAX_RECORD", 1_000)
    long, short = "x" * 5_000, "short text"
    lines = [json.dumps({"text": text}) for text in (short, long, f"{short} 2", long)]
    (tmp_path / "a.jsonl").write_text("\r\n".join(lines))
    pq.write_table(pa.table({"text": [f"{short} 3", long, None]}), tmp_path / "b.parquet")
    documents, skipped = read(tmp_path)
    assert [d.text for d in documents] == [short, f"{short} 2", f"{short} 3"]
    assert [d.name[-9:] for d in documents] == ["000000001", "000000003", "000000001"]
    assert skipped == {"too long": 3, "no text in record": 1}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"[" * 100_000, "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
        (b'{"text": ' + b"9" * 100_000 + b"}", "not JSON"),
        (b'{"text": 1e999, "a": NaN}', "no text in record"),
        (b'{"text": "\\ud800 is half a character"}', "not UTF-8"),
        (b'{"text": "caf\xe9 au lait"}', "not UTF-8"),
        (b'{"text": ["a list of text"]}', "no text in record"),
        (b'"text"', "no text in record"),
        (b'{"text": "cut off', "not JSON"),
        (b"\0" * 100, "not JSON"),
    ],
    ids=lambda value: visible(repr(value), 30),
)
def test_a_bad_line_costs_itself_alone(tmp_path, line, why):
    good = b'{"text": "a good line"}'
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([good, line, good, b"  "]))
    documents, skipped = read(tmp_path)
    assert [d.text for d in documents] == ["a good line"] * 2
    assert skipped == {why: 1}


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2]),
        pa.array([b"bytes", b"more"]),
        pa.array([["a", "list"]]),
        pa.array([{"a": "struct"}]),
        pa.array([{"text": "struct"}]),
        pa.array([b"a", b"b"]).dictionary_encode(),
        pa.array([None, None]),
        pa.array([{f"field {i}": 1 for i in range(500)}]),
    ],
    ids=lambda column: visible(str(column.type), 30),
)
def test_a_parquet_column_that_is_no_text_names_the_key(tmp_path, column):
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    wanted = r"a\.parquet: found column 'text' of type .*expected strings.*corpus\.text_column"
    with pytest.raises(StageError, match=wanted) as caught:
        read(tmp_path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


def test_a_parquet_column_that_stands_twice_names_the_key(tmp_path):
    table = pa.table([pa.array(["one text"]), pa.array(["another"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(StageError, match=r"expected 'text' once; set corpus\.text_column"):
        read(tmp_path)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_parquet_strings_of_every_kind_and_what_is_no_utf8(tmp_path, kind):
    texts = ["plain text", None, "ünïcödé", "", "\0nul\0text"]
    pq.write_table(pa.table({"n": range(5), "text": pa.array(texts, kind)}), tmp_path / "a.parquet")
    documents, skipped = read(tmp_path)
    assert [d.text for d in documents] == ["plain text", "ünïcödé", "\0nul\0text"]
    assert [d.name[-1] for d in documents] == ["1", "3", "5"]
    assert skipped == {"no text in record": 1, "too short": 1}
    bad = pa.array([b"good text", b"caf\xe9 au lait"]).view(pa.string())
    pq.write_table(pa.table({"text": bad}), tmp_path / "a.parquet")
    documents, skipped = read(tmp_path)
    assert [d.text for d in documents] == ["good text"] and skipped == {"not UTF-8": 1}


def test_a_small_parquet_file_of_terabytes_of_text_is_refused_in_little_memory(
    tmp_path, monkeypatch
):
    """One string of 1 MB, stored once, in three million rows."""
    rows = pa.DictionaryArray.from_arrays(np.zeros(3_000_000, np.int32), ["x" * 1_000_000])
    # Without its schema the file declares plain strings.
    pq.write_table(pa.table({"text": rows}), tmp_path / "a.parquet", store_schema=False)
    assert (tmp_path / "a.parquet").stat().st_size < 200_000
    monkeypatch.setattr(sources, "MAX_CHARACTERS", 5 * 10**7)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(StageError, match="found more than 50,000,000 characters"):
        read(tmp_path)
    assert time.monotonic() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes


def test_a_parquet_file_that_is_cut_off_keeps_what_was_read(tmp_path):
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"text": [f"some text {i}" for i in range(100)]}), whole)
    data = bytearray(whole.read_bytes())
    for cut in (0, 3, 4, 8, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.parquet").write_bytes(data[:cut])
        documents, skipped = read(tmp_path)
        assert len(documents) == 100 and skipped == {"not readable": 1}


def distribution(folder: Path, record: str | None) -> None:
    """A package `odd` as installers leave it, with this list of files."""
    info = folder / "odd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    if record is not None:
        (info / "RECORD").write_text(record)


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (None, r"corpus\.packages: found 'odd', expected .*list of files; install it"),
        ("a,b,c,d,e\n", r"corpus\.packages: found 'odd', whose list of files is unreadable"),
        ("odd.py,,many\n", r"corpus\.packages: found 'odd', whose list of files is unreadable"),
        ('odd.py,,"' + "x" * 200_000, r"corpus\.packages: found 'odd', whose list .*unreadable"),
        (
            "/etc/secret.py,,\n../secret.py,,\nnot_there.py,,\n",
            r"found no text.*not readable: 1 \(not_there\.py\)",
        ),
    ],
    ids=["none", "columns", "size", "long", "paths"],
)
def test_an_oddly_installed_package_is_named(tmp_path, monkeypatch, record, wanted):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path.parent / "secret.py").write_text("secret = 'outside of the package'")
    distribution(tmp_path, record)
    with pytest.raises(StageError, match=wanted) as caught:
        sources.read(replace(FILES, source="packages", packages=("odd",)))
    assert str(caught.value).isprintable()


def test_a_source_that_cannot_be_parsed_costs_itself_alone(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    sources_of = {
        "deep": "-" * 100_000 + "1",
        "wide": "1+" * 100_000 + "1",
        "bad": "def",
        "nul": "\0",
    }
    sources_of["good"] = '"""A doc\\dstring."""\n'
    for name, text in sources_of.items():
        (tmp_path / f"{name}.py").write_text(text)
    distribution(tmp_path, "".join(f"{name}.py,,\n" for name in sources_of))
    documents, left_out = sources.read(replace(FILES, source="docstrings", packages=("odd",)))
    assert [d.text for d in documents] == ["A doc\\dstring."]
    assert left_out.counts == {"not parsable": 4}
