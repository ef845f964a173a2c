"""Progress bars, and lines that are printed beside them."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

from induction.pipeline import status


class _Bar(tqdm):
    """A bar that tells others, too, how far the stage is."""

    def display(self, *arguments: Any, **named: Any) -> bool | None:
        if self.total:
            status.note_share(min(1.0, self.n / self.total))
        return super().display(*arguments, **named)


def progress(
    items: Iterable | None, what: str, unit: str, total: int | None = None, done: int = 0
) -> tqdm:
    """A bar with rate and ETA on a terminal; in a log, the same every half minute.

    `done` of `total` were there before: they count for the bar, not for the rate.
    """
    live = sys.stderr.isatty()
    return _Bar(
        items,
        desc=what,
        unit=unit,
        total=total,
        initial=done,
        unit_scale=unit == "tok",
        mininterval=0.2 if live else 30.0,
        delay=0.0 if live else 5.0,
        leave=False,
        dynamic_ncols=live,
        file=sys.stderr,
    )


def say(line: str) -> None:
    """Print a line at once, above a bar if there is one: what DVC prints goes around our buffer."""
    tqdm.write(line)
    sys.stdout.flush()
