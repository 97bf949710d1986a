"""How a run ends: every outcome becomes a status in ``run.json`` and an error of the right exit status."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from bench.record import now
from bench.store import RunFolder
from datasets.errors import GenerationError, MissingInputError, StorageError, SuiteError, TrainingError
from datasets.files import write_text

ERROR_FILE = "error.txt"


@dataclass
class Step:
    """What a run is doing, for the record of a failure: ``prepare``, ``train``, ``generate`` or ``evaluate``; and a
    ``note`` that a complete run leaves as its reason."""

    name: str = "prepare"
    note: str = ""


@contextmanager
def recorded(folder: RunFolder) -> Iterator[Step]:
    """Record how the block ends; it sets ``step.name`` as it goes.

    Raises:
        TrainingError, GenerationError: for whatever broke in that step, with the traceback in ``error.txt``. Errors
        that are already meant for the user, and interruptions, pass unchanged.
    """
    step = Step()
    try:
        yield step
    except KeyboardInterrupt:
        record_outcome(folder, "interrupted", f"interrupted during {step.name}")
        raise
    except SystemExit as stop:
        record_outcome(folder, "interrupted", f"stopped with status {stop.code} during {step.name}")
        raise
    except SuiteError as error:
        record_outcome(folder, _status_of(error), error.message)
        raise
    except Exception as error:  # the boundary that turns a crash into a status
        raise _crash(folder, step.name, error) from error
    record_outcome(folder, "complete", step.note)


def _status_of(error: SuiteError) -> str:
    if isinstance(error, TrainingError):
        return error.outcome
    if isinstance(error, MissingInputError):
        return "missing-input"
    return "crashed"


def _crash(folder: RunFolder, step: str, error: Exception) -> SuiteError:
    kind = TrainingError if step == "train" else GenerationError
    if is_out_of_memory(error):
        message = f"out of memory during {step}"
        record_outcome(folder, "oom", message)
        hint = "a smaller batch needs less: --set train.batch=..." if step == "train" else "free some memory"
        return TrainingError(message, hint, "oom") if step == "train" else GenerationError(message, hint)
    sentence = f"{step} broke: {type(error).__name__}: {error}"
    path = folder.path / ERROR_FILE
    try:
        write_text(path, "".join(traceback.format_exception(error)))
    except StorageError:
        return kind(sentence, "the traceback could not be written")
    record_outcome(folder, "crashed", sentence)
    return kind(sentence, f"the traceback is in {path}")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory (of the machine or of the GPU) ran out; torch is not imported."""
    named = type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError)
    return named or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def record_outcome(folder: RunFolder, status: str, reason: str) -> None:
    """Write how a run ended. A record that cannot be written (a full disk) must not hide what went wrong."""
    try:
        provenance = folder.json.get("provenance", {}) | {"finished": now()}
        folder.update(status=status, reason=reason, provenance=provenance)
    except SuiteError:
        if status == "complete":
            raise


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the block as status 143, through every ``finally`` on the way."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever started us handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
