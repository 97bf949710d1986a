"""Peak memory of a block of code: on a GPU exactly, on a CPU as far as the system tells."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import torch

GPU = "most allocated on the GPU at once, with the networks"
CPU = "growth of the process's resident memory at its peak, without the networks"
UNKNOWN = "not known on this system"
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """A block whose peak memory is measured; entered again, the largest of its blocks counts.

    On CUDA it is ``torch.cuda.max_memory_allocated``. On Linux it is the peak of the resident set (VmHWM, set back by
    /proc/self/clear_refs) less the resident set at the start, after the allocator has given back what it keeps; what
    other threads allocate meanwhile counts too.

    Attributes:
        bytes: None where it is not known. meaning: what the number is.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._before = device, 0
        self.bytes: int | None = None
        self.meaning = UNKNOWN

    def __enter__(self) -> PeakMemory:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            _give_back()
            self._before = _resident("VmRSS") if _set_back() else 0
        return self

    def __exit__(self, *exception: object) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
            self._record(torch.cuda.max_memory_allocated(self._device), GPU)
        elif self._before:
            self._record(max(_resident("VmHWM") - self._before, 0), CPU)

    def _record(self, peak: int, meaning: str) -> None:
        self.bytes, self.meaning = max(peak, self.bytes or 0), meaning


def _give_back() -> None:
    """Let the C library return freed memory, so that a block that reuses it does not seem to need none."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library
        return


def _set_back() -> bool:
    """Set the peak back to what is resident now; whether the system allows it."""
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _resident(field: str) -> int:
    """A field of /proc/self/status in bytes (0 where there is none)."""
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
