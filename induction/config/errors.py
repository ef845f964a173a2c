"""The errors that a user can act on, and how they show what stands in a file."""

import reprlib


class StageError(Exception):
    """A failure the user can act on: its text names the file, what is wrong, and the remedy."""


class ParamsError(StageError, ValueError):
    """One bad entry of `params.yaml`: its key, what stands there, what was expected, the remedy.

    A ValueError too, so that pydantic collects those that validators raise. Without `file`, the
    text begins with the key: the entry stands in another file, which the caller names.
    """

    def __init__(
        self, key: str, value: object, expected: str, remedy: str, file: str = "params.yaml"
    ):
        self.key, self.value = visible(key, 200), value
        self.expected, self.remedy = visible(expected, 400), visible(remedy, 200)
        where = ": ".join(part for part in (file, self.key) if part)
        super().__init__(f"{where}: found {show(value)}, expected {self.expected}; {self.remedy}")


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()  # the value of an entry that is not there


class _Short(reprlib.Repr):
    """repr() in bounded time: YAML aliases make small structures whose repr() has no end."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 80, 80

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to spell out integers of more than 4,300 digits.
        return repr(x) if x.bit_length() < 256 else f"an integer of {x.bit_length()} bits"


def show(value: object) -> str:
    """Any value on one printable line of at most 80 characters."""
    return visible(_Short().repr(value), 80)


def visible(text: str, most: int | None = None) -> str:
    """`text` on one line, with unprintable characters escaped, cut to `most` characters.

    Files from strangers end up in terminals and tables, where line breaks, escape sequences and
    lone surrogates must neither act nor hide.
    """
    cut = text if most is None or len(text) <= most else f"{text[: most - 3]}..."
    if cut.isprintable():
        return cut
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return visible("".join(escaped), most)


def require(holds: bool, key: str, value: object, expected: str, remedy: str) -> None:
    """Raise ParamsError unless `holds`."""
    if not holds:
        raise ParamsError(key, value, expected, remedy)
