"""A rendering process: reads jobs as lines of JSON, answers each with null or an error. See :mod:`.farm`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from datasets.errors import SuiteError
from datasets.memory import keep_freed_memory

from .store import Job, Store
from .world import ClipSpec


def main() -> None:
    """Serve until the standard input ends."""
    keep_freed_memory()
    store = Store(Path(sys.argv[1]))
    for line in sys.stdin:
        data = json.loads(line)
        job = Job(ClipSpec.from_json(data["spec"]), data["chunk"], tuple(data["groups"]))
        try:
            store.ensure(job)
            answer = None
        except SuiteError as error:
            answer = {"message": error.message, "hint": error.hint}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
