"""How a process keeps the memory that it has freed."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_KEPT = 1 << 30
_LARGEST = 32 << 20  # glibc takes no larger threshold


def keep_freed_memory() -> None:
    """Let glibc's allocator hand freed blocks out again instead of giving them back to the system.

    Frames and feature maps of a few MB come and go thousands of times; each time the system must find, clear and map
    their pages anew. The peak of memory stays the same.
    Does nothing where there is no glibc.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return
    mallopt(_TRIM_THRESHOLD, _KEPT)
    mallopt(_MMAP_THRESHOLD, _LARGEST)
