"""File names and texts are UTF-8, whatever the locale."""

import os
import sys


def run_in_utf8() -> None:
    """Begin this program anew, in the UTF-8 mode of Python, unless it takes names for UTF-8.

    Otherwise the locale would decide about the names of documents in the tables.
    """
    if sys.getfilesystemencoding() != "utf-8":
        output = getattr(sys.stdout, "encoding", None) or "utf-8"
        mode = {"PYTHONUTF8": "1", "PYTHONIOENCODING": f"{output}:backslashreplace"}
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **mode})
