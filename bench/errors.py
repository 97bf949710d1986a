"""The error tree of the suite (defined beside the datasets, at the bottom of the import graph)."""

from datasets.errors import (
    GenerationError,
    MissingInputError,
    StorageError,
    SuiteError,
    TrainingError,
    UsageError,
)

__all__ = ["GenerationError", "MissingInputError", "StorageError", "SuiteError", "TrainingError", "UsageError"]
