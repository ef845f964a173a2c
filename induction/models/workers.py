"""Sequences are divided among the cores, rather than the work inside one operation.

One thread computes a whole sequence, and sums over sequences are taken in their order, so the
results have the same bits however many cores there are. The small operations between the matrix
products run in parallel too; `make bench` compares both ways on the machine at hand.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

A = TypeVar("A")
B = TypeVar("B")


class Workers:
    """One thread per core on a CPU; a single one for a GPU, which is given whole batches."""

    def __init__(self, device: torch.device):
        self.on_gpu = device.type == "cuda"
        count = 1 if self.on_gpu else torch.get_num_threads()
        torch.set_num_threads(1)
        self._pool = ThreadPoolExecutor(count)

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """The results of `work` on every item, in the order of the items."""
        return list(self._pool.map(work, items))

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        # After Ctrl-C, do not wait for work that has not begun.
        self._pool.shutdown(wait=True, cancel_futures=True)
