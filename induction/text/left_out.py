"""What a corpus lacks of what its source has: how much of it, why, and where."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

EXAMPLES = 3  # names that are kept per reason


class Reason(StrEnum):
    """Why a file or a record is no part of the corpus."""

    EXCLUDED = "excluded name"
    SHORT = "too short"
    IGNORED = "hidden from DVC by .dvcignore"
    DUPLICATE = "duplicate"
    BEYOND = "beyond corpus.max_characters"
    UNREADABLE = "not readable"
    NO_FILE = "not a regular file"
    NO_UTF8 = "not UTF-8"
    NO_JSON = "not JSON"
    NO_TEXT = "no text in record"
    LONG = "too long"
    NO_PYTHON = "not parsable"


# These are what params ask for, or cost nothing; by the others text is lost.
CHOSEN = (Reason.EXCLUDED, Reason.SHORT, Reason.IGNORED, Reason.DUPLICATE, Reason.BEYOND)


@dataclass(frozen=True)
class Part:
    """What is left out for one reason; `examples` are a few names."""

    reason: str
    count: int
    is_lost: bool
    examples: tuple[str, ...]


class LeftOut:
    """Counts by reason, with a few names."""

    def __init__(self) -> None:
        self.counts: Counter[Reason] = Counter()
        self._names: dict[Reason, list[str]] = {}

    def add(self, reason: Reason, name: str, hint: Callable[[], str] | None = None) -> None:
        """Count a file or record; `hint` is asked, for those whose names are kept, what to do."""
        is_kept = len(self._names.get(reason, [])) < EXAMPLES
        self.add_all(reason, [f"{name} ({hint()})" if hint and is_kept else name])

    def add_all(self, reason: Reason, names: Iterable[str]) -> None:
        for name in names:
            self.counts[reason] += 1
            kept = self._names.setdefault(reason, [])
            if len(kept) < EXAMPLES:
                kept.append(name)

    @property
    def lost(self) -> int:
        """Files and records whose text is lost, though params ask for it."""
        return sum(count for reason, count in self.counts.items() if reason not in CHOSEN)

    @property
    def parts(self) -> list[Part]:
        """What is lost first, the larger counts before the smaller."""
        order = sorted(self.counts, key=lambda r: (r in CHOSEN, -self.counts[r], r))
        return [
            Part(reason.value, self.counts[reason], reason not in CHOSEN, (*self._names[reason],))
            for reason in order
        ]


def rows(left_out: LeftOut) -> list[dict[str, Any]]:
    """As they stand in manifest.json."""
    return [asdict(part) for part in left_out.parts]


def sentence(rows: Iterable[dict[str, Any]]) -> str:
    """The rows on one line, with names; empty if nothing is left out."""
    return "; ".join(
        f"{row['reason']}: {row['count']:,} ({_names(row['examples'], row['count'])})"
        for row in rows
    )


def _names(examples: Iterable[str], count: int) -> str:
    listed = list(examples)
    more = count - len(listed)
    return ", ".join([*listed, *([f"and {more:,} more"] if more else [])])
