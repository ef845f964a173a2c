"""Results in the order of the items, with little in flight."""

import os
import sys
import threading
import time

import pytest
import torch

from induction.models.linear import linear
from induction.models.workers import IN_FLIGHT, Workers


@pytest.fixture
def workers():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    with Workers(torch.device("cpu")) as workers:
        yield workers
    torch.set_num_threads(threads)


def test_results_come_in_order_and_few_wait_to_be_taken(workers):
    lock, begun, taken, most = threading.Lock(), 0, 0, 0

    def work(item: int) -> int:
        nonlocal begun, most
        with lock:
            begun += 1
            most = max(most, begun - taken)
        time.sleep(0.003 * (item % 3))
        return item

    for item in workers.each(work, range(40)):
        assert item == taken
        time.sleep(0.002)
        with lock:
            taken += 1
    assert taken == 40
    # One more than in flight: the one that is being taken.
    assert 3 < most <= IN_FLIGHT * 3 + 1


def test_an_error_reaches_whoever_takes_the_results(workers):
    with pytest.raises(ZeroDivisionError):
        list(workers.each(lambda item: 1 // item, [1, 0, 2]))


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize("product", [torch.mm, linear])
def test_a_product_has_no_threads_of_its_own(workers, product):
    matrix = torch.randn(1024, 1024)
    barrier = threading.Barrier(3)

    def threads(product) -> int:
        barrier.wait()
        product(matrix, matrix)
        return len(os.listdir("/proc/self/task"))

    before = max(workers.map(threads, [lambda *_: None] * 3))
    assert max(workers.map(threads, [product] * 3)) == before
