"""Several clips at once in threads: OpenCV and numpy let go of the interpreter while they compute.

Datasets are read by one thread at a time (:data:`READING`). OpenCV's own threads are off, since their number changes
the values of DIS flow, and so are torch's: two threads that each wait for two more take twice the time on two cores. So
the number of threads here never changes a value.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
State = TypeVar("State")
Result = TypeVar("Result")

#: Held while a data set or a file of truth is read.
READING = threading.RLock()
_MOST = 8
_OPENCV = threading.Lock()
_users = 0
_threads_before = 1


def score_in_threads(
    items: Sequence[Item],
    build: Callable[[], State],
    score: Callable[[Item, State], Result],
    tell: Callable[[int], None],
) -> list[Result]:
    """``score(item, state)`` of every item, in order; each thread has a state of its own from ``build``.

    ``tell(done)`` is called from this thread.
    """
    local = threading.local()

    def work(item: Item) -> Result:
        if not hasattr(local, "state"):
            local.state = build()
            _use_one_torch_thread()
        return score(item, local.state)

    build()  # a card that cannot be built is an error before any clip is opened
    results: list[Result] = []
    with one_opencv_thread(), _torch_threads_come_back():
        pool = ThreadPoolExecutor(max(1, min(_cores(), len(items), _MOST)))
        try:
            for done, result in enumerate(pool.map(work, items)):
                results.append(result)
                tell(done + 1)
        finally:
            pool.shutdown(cancel_futures=True)
    return results


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _use_one_torch_thread() -> None:
    if "torch" in sys.modules:  # a judge has imported it; formulas alone need none
        import torch

        torch.set_num_threads(1)


@contextmanager
def _torch_threads_come_back() -> Iterator[None]:
    """The number is each thread's own, but for threads that begin later."""
    if "torch" not in sys.modules:
        yield
        return
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """OpenCV works in the calling thread only; the setting is global, so it comes back when the last user is done."""
    import cv2

    global _users, _threads_before
    with _OPENCV:
        if not _users:
            _threads_before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _users += 1
    try:
        yield
    finally:
        with _OPENCV:
            _users -= 1
            if not _users:
                cv2.setNumThreads(_threads_before)
