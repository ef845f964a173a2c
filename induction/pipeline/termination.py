"""SIGTERM as a request: of a cluster whose time is up, a system that shuts down, `induction study`
that was stopped."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def termination() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, instead of ending the process there and then.

    However often it comes: several of those above a process may pass it on. For the main thread.
    """
    asked = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
