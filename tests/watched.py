"""A reader that hangs must fail its test, not the whole run."""

import faulthandler
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 10


class Hang(BaseException):
    """An input that takes too long; no `except Exception` of the code under test may hide it."""


@contextmanager
def watched() -> Iterator[None]:
    """Fails what takes longer than SECONDS; where no signal gets through, ends everything."""

    def stop(*_: object) -> None:
        raise Hang(f"still at work after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    faulthandler.dump_traceback_later(10 * SECONDS, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
