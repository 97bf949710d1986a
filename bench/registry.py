"""Names of methods, datasets and metrics: built in, or brought by an installed package through entry points.

Listing reads names only; a spec is imported when it is asked for. A plugin that fails to import is listed as broken
with its reason and harms nothing else. Groups: ``bench.methods``, ``bench.datasets``, ``bench.metrics``.
"""

from __future__ import annotations

import difflib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from datasets.errors import UsageError

KINDS = ("methods", "datasets", "metrics")


@dataclass(frozen=True)
class Entry:
    """A registered name, its spec's ``module:attribute``, and the distribution that brought it ("" = built in)."""

    kind: str
    name: str
    target: str
    distribution: str = ""

    def load(self) -> Any:
        """Import the spec.

        Raises:
            UsageError: it cannot be imported (a broken plugin), with the reason in one sentence.
        """
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except Exception as error:  # the boundary to foreign code: any failure means "broken plugin"
            origin = f"the package {self.distribution!r}" if self.distribution else "the suite"
            raise UsageError(
                f"{self.kind[:-1]} {self.name!r} from {origin} is broken: {type(error).__name__}: {error}",
                f"repair or uninstall {self.distribution}" if self.distribution else "",
            ) from error


def _builtin(kind: str) -> dict[str, str]:
    if kind == "methods":  # every folder of methods/ but the shared ones
        package = import_module("methods")
        shared = {"layers", *(target.partition(":")[0].rpartition(".")[2] for target in package.BUILTIN.values())}
        names = [m.name for m in pkgutil.iter_modules(package.__path__) if m.ispkg and m.name not in shared]
        return {n.replace("_", "-"): f"methods.{n}.spec:SPEC" for n in names} | package.BUILTIN
    if kind == "datasets":
        return dict(import_module("datasets").BUILTIN)
    return dict(import_module("bench.evaluation").BUILTIN)


@cache
def entries(kind: str) -> dict[str, Entry]:
    """All registered names of a kind, sorted. A built-in name wins over a plugin of the same name, which is listed
    under ``name (distribution)`` so that the clash is seen."""
    found = {n: Entry(kind, n, t) for n, t in _builtin(kind).items()}
    for point in entry_points(group=f"bench.{kind}"):
        distribution = point.dist.name if point.dist else "?"
        name = point.name if point.name not in found else f"{point.name} ({distribution})"
        found[name] = Entry(kind, name, point.value, distribution)
    return dict(sorted(found.items()))


def get(kind: str, name: str) -> Any:
    """The spec registered under a name.

    Raises:
        UsageError: unknown name (with the nearest), or a broken plugin.
    """
    known = entries(kind)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
        raise UsageError(f"there is no {kind[:-1]} {name!r}", f"{hint} (bench list {kind})")
    return known[name].load()


def load_object(target: str) -> Any:
    """Import ``module:attribute``."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
