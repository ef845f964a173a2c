"""Sequences are divided among the cores, rather than the work inside one operation.

One thread computes a whole sequence, and sums over sequences are taken in their order, so the
results have the same bits however many cores there are. The small operations between the matrix
products run in parallel too; `make bench` compares both ways on the machine at hand.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

A = TypeVar("A")
B = TypeVar("B")

# Items per thread that are begun, or wait to be taken: enough that no thread waits for whoever
# takes the results.
IN_FLIGHT = 2


class Workers:
    """One thread per core on a CPU; a single one for a GPU, which is given whole batches."""

    def __init__(self, device: torch.device):
        self.on_gpu = device.type == "cuda"
        self._count = 1 if self.on_gpu else torch.get_num_threads()
        torch.set_num_threads(1)
        # Here too: MKL and oneDNN ask the thread that calls them how many it may use.
        self._pool = ThreadPoolExecutor(
            self._count, initializer=torch.set_num_threads, initargs=(1,)
        )

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """The results of `work` on every item, in the order of the items."""
        return list(self._pool.map(work, items))

    def each(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """The same one by one, for results that are too large to have all of them at once."""
        begun: deque[Future[B]] = deque()
        for item in items:
            if len(begun) == IN_FLIGHT * self._count:
                yield begun.popleft().result()
            begun.append(self._pool.submit(work, item))
        while begun:
            yield begun.popleft().result()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        # After Ctrl-C, do not wait for work that has not begun.
        self._pool.shutdown(wait=True, cancel_futures=True)
