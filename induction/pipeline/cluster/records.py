"""What became of a cell on the machines that worked for it: a file in the shared folder."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from induction.tables.atomic import write

# "": its worker has begun, and has not ended, or not said so.
End = Literal["", "done", "failed", "refused", "stopped"]


@dataclass
class Attempt:
    """One worker's time with a cell; `says` is why it ended, where it ended otherwise than well."""

    node: str
    job: str
    begun: float  # seconds since 1970
    ended: float = 0.0
    end: End = ""
    says: str = ""


@dataclass
class Record:
    """The attempts at a cell, from the first; `result` is the line of its result, once that is
    there."""

    attempts: list[Attempt] = field(default_factory=list)
    result: str = ""

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def is_done(self) -> bool:
        return any(each.end == "done" for each in self.attempts)

    @property
    def seconds(self) -> float:
        """Of all attempts whose end is known."""
        return sum(each.ended - each.begun for each in self.attempts if each.ended)


def read(path: Path) -> Record:
    """A cell's record; an empty one before its first attempt."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Record()
    return Record([Attempt(**each) for each in content["attempts"]], content["result"])


def note(path: Path, attempt: Attempt, result: str = "") -> None:
    """Add an attempt to a cell's record, or what is new of it, and of the result.

    The record is read again: a machine that was believed lost may write to it, too.
    """
    record = read(path)
    record.result = result or record.result
    others = [
        each for each in record.attempts if (each.job, each.begun) != (attempt.job, attempt.begun)
    ]
    record.attempts = sorted([*others, attempt], key=lambda each: each.begun)
    write(path, json.dumps(asdict(record), indent=2).encode())
