"""What a file holds is recognised by its content as well as by its name."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import threading
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from induction.config.errors import StageError
from induction.text import opening, records
from induction.text.documents import Document, stretches
from tests.text.test_sources import read

TEXTS = [f"a small boat, number {i}, ünder the bridge" for i in range(5)]


def lines(key: str = "text", end: str = "\n") -> bytes:
    return "".join(json.dumps({key: text}) + end for text in TEXTS).encode()


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


ARRAY = json.dumps([{"id": i, "text": text} for i, text in enumerate(TEXTS)]).encode()
RECORDS = {
    "a.jsonl": lines(),
    "a.ndjson": lines(),
    "a.JSONL": lines(),
    "lines.json": lines(),
    "array.json": ARRAY,
    "wide.json": json.dumps(json.loads(ARRAY), indent=2).encode(),
    "bom.jsonl": b"\xef\xbb\xbf" + lines(end="\r\n"),
    "bom.json": b"\xef\xbb\xbf" + ARRAY,
    "utf16.jsonl": lines().decode().encode("utf-16"),
    "a.jsonl.gz": gzip.compress(lines()),
    "a.JSON.GZ": gzip.compress(ARRAY),
    "members.jsonl.gz": b"".join(gzip.compress(line) for line in lines().splitlines(True)),
    "a.jsonl.zst": zstd(lines()),
    "packed under another name.jsonl": zstd(lines()),
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_of_every_kind(tmp_path, name):
    (tmp_path / name).write_bytes(RECORDS[name])
    documents, skipped = read(tmp_path)
    assert [document.text for document in documents] == TEXTS and not skipped
    assert [document.name[-3:] for document in documents] == ["001", "002", "003", "004", "005"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_text_of_every_kind(tmp_path, encoding, pack):
    (tmp_path / "a.txt").write_bytes(pack(TEXTS[0].encode(encoding)))
    assert [document.text for document in read(tmp_path)[0]] == TEXTS[:1]


def test_one_pretty_record_is_a_record(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"text": TEXTS[0], "id": 1}, indent=2))
    assert [document.text for document in read(tmp_path)[0]] == TEXTS[:1]


@pytest.mark.parametrize(
    # With a time, the tests would have other names from one second to the next.
    "content",
    [lines(), ARRAY, b"\n " + ARRAY, gzip.compress(lines(), mtime=0)],
)
@pytest.mark.parametrize("name", ["a.txt", "a", "a.data", "a.md"])
def test_records_under_another_name_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    wanted = rf"/{name}: found records in JSON, expected text; rename it to \.json"
    with pytest.raises(StageError, match=wanted):
        read(tmp_path)


def archive(kind: str) -> bytes:
    file, text = io.BytesIO(), TEXTS[0].encode()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as opened:
            opened.writestr("a.txt", text)
    else:
        with tarfile.open(fileobj=file, mode="w") as opened:
            member = tarfile.TarInfo("a.txt")
            member.size = len(text)
            opened.addfile(member, io.BytesIO(text))
    return file.getvalue()


def arrow() -> bytes:
    file, table = io.BytesIO(), pa.table({"text": TEXTS})
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.full(99, 0x41414141))
    return file.getvalue()


NO_TEXT = {
    "a.tar": (archive("tar"), "a tar archive"),
    "a.tar.gz": (gzip.compress(archive("tar")), "a tar archive"),
    "a.tar.zst": (zstd(archive("tar")), "a tar archive"),
    "a.zip": (archive("zip"), "a ZIP archive (as .docx"),
    "a.docx": (archive("zip"), "a ZIP archive (as .docx"),
    "a.jsonl": (archive("zip"), "a ZIP archive"),
    "a.pdf": (b"%PDF-1.4\n1 0 obj<<>>endobj\n%%EOF", "a PDF"),
    "a.npy": (array(), "a NumPy array"),
    "a.arrow": (arrow(), "an Arrow file"),
    "a.bz2": (bz2.compress(TEXTS[0].encode()), "a bzip2 archive"),
    "a.xz": (lzma.compress(TEXTS[0].encode()), "an xz archive"),
    "a.rtf": (b"{\\rtf1\\ansi some text}", "a document in RTF"),
    "a.sqlite": (b"SQLite format 3\0" + b"\0" * 99, "an SQLite database"),
}


@pytest.mark.parametrize("name", NO_TEXT)
def test_what_is_no_text_is_refused_by_what_it_is(tmp_path, name):
    data, kind = NO_TEXT[name]
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.txt").write_text(TEXTS[0])
    with pytest.raises(StageError) as caught:
        read(tmp_path)
    assert f"/{name}: found {kind}" in str(caught.value)
    assert "expected text; write its text as .txt or .jsonl" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["{ a brace }", "[1, 2, 3] is a list", "{}\n", "{not json: 1}\n"])
def test_text_with_brackets_is_text(tmp_path, text):
    (tmp_path / "a.txt").write_text(text * 9)
    assert [document.text for document in read(tmp_path)[0]] == [text * 9]


def test_parquet_is_recognised_by_its_content_and_its_strings_may_be_coded(tmp_path):
    column = pa.array([*TEXTS, None]).dictionary_encode()
    pq.write_table(pa.table({"text": column}), tmp_path / "a.data")
    documents, skipped = read(tmp_path)
    assert [document.text for document in documents] == TEXTS
    assert skipped == {"no text in record": 1}


def test_parquet_is_read_by_no_thread_that_could_outlive_the_reading():
    """One that waits for Python when this program ends aborts it, now and then."""
    threads = set()

    class File(io.BytesIO):
        def read(self, *size: int | None) -> bytes:
            threads.add(threading.current_thread())
            return super().read(*size)

    file = io.BytesIO()
    pq.write_table(pa.table({"n": range(5), "text": TEXTS}), file, row_group_size=1)
    next(records.parquet_batches(File(file.getvalue()), "a.parquet", "text"))
    assert threads == {threading.current_thread()}


def test_another_key_is_named_with_what_to_do(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines("content"))
    with pytest.raises(StageError, match=r"000000001 \(has content; set corpus\.text_column\)"):
        read(tmp_path)
    assert len(read(tmp_path, text_column="content")[0]) == len(TEXTS)


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        ("“naïve café”, quoted in plain text".encode("cp1252"), "perhaps cp1252: iconv"),
        (TEXTS[0].encode("utf-16-le") * 9, "perhaps utf_16"),
        (bytes(range(256)) * 9, "no text"),
    ],
    ids=["cp1252", "utf16 without its mark", "no text"],
)
def test_what_is_not_utf8_is_named_with_what_it_looks_like(tmp_path, data, hint):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(StageError, match="not UTF-8: 1") as caught:
        read(tmp_path)
    assert f"a.txt ({hint}" in str(caught.value)


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.json"])
def test_damaged_archives_cost_themselves_alone(tmp_path, pack, name):
    whole = pack(lines())
    for cut in (5, len(whole) // 2, len(whole) - 1):
        (tmp_path / name).write_bytes(whole[:cut])
        (tmp_path / "good.txt").write_text(TEXTS[0])
        documents, skipped = read(tmp_path)
        assert TEXTS[0] in [document.text for document in documents]
        assert {*skipped} <= {"not readable", "not JSON"} and 1 <= skipped.total() <= 2


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_small_archive_of_much_text_is_refused(tmp_path, monkeypatch, pack, name):
    monkeypatch.setattr(opening, "MAX_FILE", 10**7)
    (tmp_path / name).write_bytes(pack(b"x" * 10**8))
    assert (tmp_path / name).stat().st_size < 200_000
    with pytest.raises(StageError, match=r"found [\d,]+ bytes, expected at most 10,000,000"):
        read(tmp_path)


def test_a_large_array_is_refused_with_what_to_write_instead(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "MAX_ARRAY", 99)
    (tmp_path / "a.json").write_bytes(ARRAY)
    with pytest.raises(StageError, match=r"a\.json: found more than 99 bytes.*\(\.jsonl\)"):
        read(tmp_path)


def test_an_array_that_breaks_off_keeps_what_came_before(tmp_path):
    (tmp_path / "a.json").write_bytes(ARRAY[: len(ARRAY) // 2])
    documents, skipped = read(tmp_path)
    assert [document.text for document in documents] == TEXTS[:2] and skipped == {"not JSON": 1}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_folder_of_other_encodings(tmp_path, encoding):
    """UTF-16 says what it is; a third of the text is too much to lose in silence."""
    for i in range(9):
        data = "“naïve café”, quoted in plain text".encode(encoding if i % 3 == 0 else "utf-8")
        (tmp_path / f"{i}.txt").write_bytes(data)
    if encoding == "utf-16":
        assert len(read(tmp_path, max_lost=0.02)[0]) == 9
        return
    with pytest.raises(StageError, match=r"found 3 of 9 files .*/0\.txt \(perhaps cp1252: iconv"):
        read(tmp_path, max_lost=0.02)


@pytest.mark.parametrize("separator", ["\n", " ", ""])
def test_stretches_are_the_text_again(separator):
    text = separator.join(f"line {i}" for i in range(500))
    parts = stretches(Document("input.txt", text), 20)
    assert "".join(part.text for part in parts) == text
    assert 20 <= len(parts) <= 40 and parts[0].name == "input.txt:001"
    if separator == "\n":
        assert all(part.text.endswith("\n") for part in parts[:-1])
