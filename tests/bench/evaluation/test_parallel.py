"""Threads over clips: libraries have one thread in each, and their own number again afterwards."""

from __future__ import annotations

import threading

import cv2
import torch

from bench.evaluation.parallel import score_in_threads


def test_libraries_use_one_thread_inside_and_theirs_afterwards() -> None:
    before, told = (torch.get_num_threads(), cv2.getNumThreads()), []
    torch.set_num_threads(3)
    cv2.setNumThreads(3)
    try:
        found = score_in_threads(
            range(6), lambda: threading.get_ident(), lambda i, own: (i, torch.get_num_threads(), cv2.getNumThreads()),
            told.append,
        )  # fmt: skip
        assert found == [(i, 1, 1) for i in range(6)] and told == [1, 2, 3, 4, 5, 6]
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (3, 3)
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
