"""The process boundary: turns every outcome of a verb into the documented exit status and one clear sentence."""

from __future__ import annotations

import difflib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from datasets.errors import SuiteError
from datasets.memory import keep_freed_memory


def run_verb(verb: str, args: list[str], verbs: Mapping[str, tuple[str, str]], load: Callable[[str], Any]) -> int:
    """Run ``verb`` with ``args``; returns the exit status (0, 1-6, 130, 143)."""
    if verb not in verbs:
        near = difflib.get_close_matches(verb, verbs, n=1)
        return _say(
            f"there is no verb {verb!r}", f"did you mean {near[0]!r}?" if near else "bench --help lists them", 2
        )
    try:
        _guard_foreign_datasets()
        keep_freed_memory()
        # numpy's matrices are small here: OpenBLAS's threads wait for each other, and without end on a busy machine
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        app = load(verbs[verb][0]).app
        result = app(args=args, prog_name=f"bench {verb}", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except SuiteError as error:
        return _say(error.message, error.hint, error.status)
    except KeyboardInterrupt:
        return _say("interrupted; what was done is saved", "run the same command again to go on", 130)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except Exception as error:  # noqa: BLE001 - the process boundary
        return _unexpected(error)


def _guard_foreign_datasets() -> None:
    """Another library of the same import name silently shadows ours when both are installed."""
    from importlib.util import find_spec

    from datasets.errors import UsageError

    spec = find_spec("datasets")
    here = Path(__file__).resolve().parents[2]
    if spec is None or spec.origin is None or Path(spec.origin).resolve().parent.parent != here:
        raise UsageError(
            f"the import name 'datasets' belongs to another library ({spec.origin if spec else 'nothing'})",
            "install the suite in an environment of its own, or uninstall the other one: pip uninstall datasets",
        )


def _say(message: str, hint: str, status: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return status


def _unexpected(error: Exception) -> int:
    """Typer's own errors carry an exit code; anything else is ours, with its traceback in a file."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if isinstance(code, int):  # click's UsageError, Exit and Abort
        if callable(show):
            show()
        return code
    if os.environ.get("BENCH_DEBUG"):
        raise error
    descriptor, path = tempfile.mkstemp(prefix="bench-error-", suffix=".txt")
    with os.fdopen(descriptor, "w") as file:
        file.write("".join(traceback.format_exception(error)))
    return _say(f"internal error: {type(error).__name__}: {error}", f"the traceback is in {path}", 1)
