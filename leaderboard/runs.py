"""Finished, failed and unreadable run folders as the report sees them: ``run.json`` and the score table, no frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.closure import OURS, code_closure
from bench.evaluation.base import COLUMNS
from bench.store import RunFolder, read_runs
from datasets.files import checksum_path, verify_checksum

if TYPE_CHECKING:
    import pandas as pd

PRESET_ORDER = ("paper", "standard", "quick", "tiny")


def below(base: Path, *names: str) -> Path | None:
    """``base/name/...`` where every name is a plain one and nothing on the way is a link; else None.

    Names come from run.json, which may have been written by somebody else.
    """
    path = base
    for name in names:
        if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
            return None
        path = path / name
        if path.is_symlink():
            return None
    return path


@dataclass(frozen=True)
class RunData:
    """One run folder, read.

    Attributes:
        folder: where it lies; ``slug`` is the same relative to the runs folder, with forward slashes.
        info: the content of run.json.
        scores: the score table in the columns of the contract, or None where there is none.
        problem: why the scores could not be used ("" = fine or not yet there).
        origin: which included folder it comes from ("" = the runs folder of the report).
    """

    folder: Path
    slug: str
    info: Mapping[str, Any]
    scores: pd.DataFrame | None = None
    problem: str = ""
    origin: str = ""

    @property
    def status(self) -> str:
        """``complete``, ``running``, ``interrupted``, ``diverged``, ... as recorded."""
        return str(self.info.get("status") or "unknown")

    @property
    def reason(self) -> str:
        """Why the run is not complete, or why its scores cannot be used."""
        return self.problem or str(self.info.get("reason") or "")

    @property
    def method(self) -> str:
        """Registered method name."""
        return self.text("method") or "?"

    @property
    def label(self) -> str:
        """``method+variant``."""
        return self.method + (f"+{self.text('variant')}" if self.text("variant") else "")

    @property
    def finished(self) -> str:
        """When the run ended, else when it started (ISO 8601, so that texts compare)."""
        provenance = self.section("provenance")
        return str(provenance.get("finished") or provenance.get("started") or "")

    @property
    def key(self) -> str:
        """Unique in a report, also where several machines have a run of the same place."""
        return f"{self.origin}:{self.slug}" if self.origin else self.slug

    @cached_property
    def stale(self) -> list[str]:
        """Modules of the suite that its training depends on and that do something else today."""
        known = self.section("identity").get("modules")
        return changed_modules(tuple(sorted(known.items()))) if isinstance(known, Mapping) else []

    @property
    def training(self) -> str:
        """First 8 hexadecimal digits of the training identity."""
        return str(self.section("identity").get("training") or "")[:8]

    @property
    def contaminated(self) -> list[str]:
        """Judges whose weights its training read: it saw what it is measured with."""
        found = self.info.get("contaminated")
        return sorted(map(str, found)) if isinstance(found, list) else []

    @property
    def external(self) -> Mapping[str, Any]:
        """Badge and coverage by protocol of predictions from elsewhere; empty for a run of a registered method."""
        return self.section("external")

    def coverage(self, protocol: str) -> float:
        """Delivered over asked frames of a protocol; 1 for a run of a registered method, which cannot lack any."""
        known = self.external.get("coverage")
        value = known.get(protocol) if isinstance(known, Mapping) else 1.0
        return float(value) if isinstance(value, int | float) else 0.0

    def text(self, name: str) -> str:
        """A field of run.json as text ("" where absent)."""
        value = self.info.get(name)
        return "" if value is None else str(value)

    def section(self, name: str) -> Mapping[str, Any]:
        """An object of run.json (empty where absent or of another type)."""
        value = self.info.get(name)
        return value if isinstance(value, Mapping) else {}

    def card(self, name: str) -> Any:
        """A field of the method card ("" where absent)."""
        return self.section("method_card").get(name, "")

    def protocols(self) -> dict[str, Mapping[str, Any]]:
        """Protocols the run was resolved for, by ``name@version``."""
        return {str(k): v for k, v in sorted(self.section("protocols").items()) if isinstance(v, Mapping)}


@cache
def changed_modules(recorded: tuple[tuple[str, str], ...]) -> list[str]:
    """Of (module, hash of its code) pairs the modules whose code is another today; those of plugins that are not
    installed here cannot be compared."""
    ours = {str(m): str(h) for m, h in recorded if str(m).partition(".")[0] in OURS}
    today = code_closure(ours)
    return sorted(m for m, known in ours.items() if today.get(m) != known)


def load_runs(root: Path, origin: str = "") -> list[RunData]:
    """Every run below ``root`` in a fixed order; one that cannot be believed keeps its place and says why."""
    return [_load(folder, root, origin) for folder in read_runs(root)]


def _load(folder: RunFolder, root: Path, origin: str) -> RunData:
    slug = folder.path.relative_to(root).as_posix()
    info = folder.summary
    if not folder.scores_path.is_file():
        return RunData(folder.path, slug, info, origin=origin)
    scores, problem = read_scores(folder.scores_path)
    return RunData(folder.path, slug, info, scores, problem, origin)


def read_scores(path: Path) -> tuple[pd.DataFrame | None, str]:
    """A score table, or None and why it cannot be used: damaged, edited, or of another layout.

    Its checksum is verified where there is one (a table from ``bench evaluate`` may come alone).
    """
    import pandas as pd
    from pyarrow import ArrowException

    if checksum_path(path).is_file() and not verify_checksum(path):
        return None, f"{path.name} does not match its checksum: it was edited or damaged"
    try:
        scores = pd.read_parquet(path)
    except (OSError, ValueError, ArrowException) as error:
        return None, f"{path.name} cannot be read: {error}"
    missing = [c for c in COLUMNS if c not in scores.columns]
    if missing:
        return None, f"{path.name} has no column {missing[0]!r}; it was written by another version"
    texts = [c for c in COLUMNS if c not in ("value", "size", "seed", "n_frames")]
    scores[texts] = scores[texts].fillna("").astype(str).astype(object)
    scores["value"] = pd.to_numeric(scores["value"], errors="coerce")
    return scores, ""
