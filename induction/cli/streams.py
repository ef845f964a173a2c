"""What is read and printed: UTF-8 in files and pipes, on a terminal what it can show."""

import codecs
import io
import sys

# Of what tables and pictures consist of, each as wide as what it stands for.
LOOK_ALIKES = str.maketrans("─│┌┬┐├┼┤└┴┘━░▒▓█·…×–—−“”’", '-|+++++++++=.:*#..x---""\'')


def set_up() -> None:
    """Make standard input and output so, if the environment says otherwise."""
    codecs.register_error("look_alikes", _look_alikes)
    for stream in (sys.stdin, sys.stdout):
        # Tests put something else in their place.
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="look_alikes" if stream.writable() else "replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _look_alikes(error: UnicodeError) -> tuple[str, int]:
    """What ASCII has for characters that a terminal lacks, or else their escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return in_ascii(error.object[error.start : error.end]), error.end


def in_ascii(text: str) -> str:
    """Text in characters of ASCII that look like it, or in escapes."""
    return text.translate(LOOK_ALIKES).encode("ascii", "backslashreplace").decode()
