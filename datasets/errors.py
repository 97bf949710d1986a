"""Errors a user is meant to read: one clear sentence, a remedy, and an exit status.

They live at the bottom of the import graph so that datasets, methods and the engine can all raise them.
"""

from __future__ import annotations


class SuiteError(Exception):
    """Base of every error that reaches the user as one sentence instead of a traceback.

    Args:
        message: what is wrong and where, in one sentence.
        hint: what to do about it (a command where there is one); empty when the message says it all.
    """

    status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SuiteError):
    """Wrong usage or configuration (exit status 2)."""

    status = 2


class MissingInputError(SuiteError):
    """Data, an annotation, a weight file or a requested metric is missing (exit status 3)."""

    status = 3


class CorruptVideoError(MissingInputError):
    """A video or image is there but cannot be used: damaged, empty, without a picture (exit status 3)."""


class TrainingError(SuiteError):
    """Training diverged or failed (exit status 4). ``outcome`` is the run status that is recorded."""

    status = 4

    def __init__(self, message: str, hint: str = "", outcome: str = "crashed") -> None:
        super().__init__(message, hint)
        self.outcome = outcome


class GenerationError(SuiteError):
    """Generation or evaluation failed (exit status 5)."""

    status = 5


class StorageError(SuiteError):
    """The disk is full, or a path cannot be written (exit status 2)."""

    status = 2
