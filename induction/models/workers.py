"""Cores are shared out by sequence, not inside an operation.

Every sequence is computed by one thread, and sums over sequences are taken in their order, so the
results have the same bits however many cores there are. The small operations between the big
products are shared out too; `make bench` compares the two ways on the machine at hand.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

A = TypeVar("A")
B = TypeVar("B")


class Workers:
    """One thread per core on a CPU; a single one for a GPU, which wants whole batches."""

    def __init__(self, device: torch.device):
        self.on_gpu = device.type == "cuda"
        count = 1 if self.on_gpu else torch.get_num_threads()
        torch.set_num_threads(1)
        self._pool = ThreadPoolExecutor(count)

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """`work` of every item, in their order."""
        return list(self._pool.map(work, items))

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        # After Ctrl-C nobody waits for work that was not begun.
        self._pool.shutdown(wait=True, cancel_futures=True)
