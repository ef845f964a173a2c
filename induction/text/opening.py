"""Files as streams of UTF-8: unpacked (gzip, zstd), without a byte-order mark, recoded from UTF-16.

What a file is packed in, its first bytes say, whatever its name.
"""

import codecs
import contextlib
import gzip
import io
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from charset_normalizer import from_bytes

from induction.config.errors import StageError
from induction.text.left_out import LeftOut, Reason

MAX_FILE = 10**9  # bytes, unpacked
BUFFER = 2**20
GUESSED_FROM = 10**5  # bytes
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# UTF-32 first: its mark begins with that of UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# How files begin that are no text, though bytes of some of them look like it. A tar is told
# by bytes 257 to 261.
NO_TEXT = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a ZIP archive (as .docx, .xlsx, .epub and .npz are)",
    b"PK\x05\x06": "an empty ZIP archive",
    b"ARROW1": "an Arrow file",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF\r\n": "an HDF5 file",
    b"SQLite format 3\0": "an SQLite database",
    b"{\\rtf": "a document in RTF",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
}
TAR, TAR_AT = b"ustar", 257
# What reading a damaged file raises.
DAMAGE = (OSError, EOFError, zlib.error, pa.ArrowException)


def regular(path: Path, name: str, left_out: LeftOut) -> BinaryIO | None:
    """The file, if it is a regular one that can be read. Raises StageError if it is too large."""
    try:
        status = path.stat()
        # Opening a named pipe would wait for a writer.
        if not stat.S_ISREG(status.st_mode):
            left_out.add(Reason.NO_FILE, name)
            return None
        if status.st_size > MAX_FILE:
            raise _too_large(name, status.st_size)
        return open(path, "rb")
    except OSError:
        left_out.add(Reason.UNREADABLE, name)
        return None


def unpacked(file: BinaryIO, name: str) -> tuple[io.BufferedIOBase, bytes]:
    """What the file holds, as UTF-8 where a byte-order mark says what it is, and how that begins.

    Reading raises one of DAMAGE where the file is damaged, and StageError beyond MAX_FILE.
    Raises UnicodeDecodeError if the text is not what its mark says, and StageError if the file is
    of a kind that holds no text.
    """
    head = file.read(4)
    file.seek(0)
    read: Callable[[int], bytes] = file.read
    if head.startswith(GZIP):
        read = gzip.GzipFile(fileobj=file).read
    elif head == ZSTD:
        read = pa.CompressedInputStream(pa.PythonFile(file), "zstd").read
    stream = io.BufferedReader(_Capped(read, name), BUFFER)
    head = stream.peek(BUFFER)
    if kind := _no_text(head):
        raise StageError(
            f"{name}: found {kind}, expected text; write its text as .txt or .jsonl (.gz and .zst "
            "of these are read), and take it out of what corpus.files names"
        )
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            data = stream.read().decode(encoding).encode()
            return io.BytesIO(data), data[:BUFFER]
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    return stream, head.removeprefix(codecs.BOM_UTF8)


def _no_text(head: bytes) -> str:
    """What a file is that begins so; empty if it may be text."""
    if head[TAR_AT:].startswith(TAR):
        return "a tar archive"
    return next((kind for magic, kind in NO_TEXT.items() if head.startswith(magic)), "")


def likely(data: bytes) -> str:
    """What to do with text that is not UTF-8, by the encoding that it looks like."""
    encoding = _encoding(data[:GUESSED_FROM])
    return f"perhaps {encoding}: iconv -f {encoding} -t utf-8" if encoding else "no text"


def _encoding(data: bytes) -> str:
    """Empty for what looks like no text at all."""
    beyond_ascii = sum(byte > 127 for byte in data)
    if b"\0" not in data and beyond_ascii < 0.2 * len(data):
        # Little of it distinguishes the encodings of Western languages; this is the usual one.
        with contextlib.suppress(UnicodeDecodeError):
            data.decode("cp1252")
            return "cp1252"
    guess = from_bytes(data).best()
    return guess.encoding if guess else ""


class _Capped(io.RawIOBase):
    """A stream that refuses to give more than MAX_FILE bytes: a small file can unpack to many."""

    def __init__(self, read: Callable[[int], bytes], name: str):
        self._read, self._name, self._given = read, name, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._read(len(buffer))
        self._given += len(data)
        if self._given > MAX_FILE:
            raise _too_large(self._name, self._given)
        buffer[: len(data)] = data
        return len(data)


def _too_large(name: str, size: int) -> StageError:
    return StageError(f"{name}: found {size:,} bytes, expected at most {MAX_FILE:,}; split it")
