"""Where an annotation comes from: ``<kind>.json`` beside it, and what of a data set may be used together.

An annotation without such a file was given: by the official files of a data set, or by the user.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets.errors import SuiteError
from datasets.files import digest, read_json, sha256_file

GIVEN = "given files"


@dataclass(frozen=True)
class Provenance:
    """What is recorded of one kind of one clip.

    Attributes:
        annotator, version: name and version of what made it. weights: SHA-256 over its weights, "" where it has none.
        settings: what else its answers depend on.
        inputs: kind -> SHA-256 of the annotations of the clip that it read.
        facts: what it found out about the clip (how many frames show a face, whether the camera moves, ...).
        sha256: of the values of all frames.
    """

    annotator: str
    version: str
    weights: str
    licence: str
    kind: str
    clip: str
    frames: int
    size: tuple[int, int]
    sha256: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def maker(self) -> str:
        """Name, version, and the first digits of the weights and settings: two of these do not mix."""
        return maker(self.annotator, self.version, self.weights, self.settings)


def maker(name: str, version: str, weights: str, settings: Mapping[str, Any]) -> str:
    """``name version`` and eight digits of a hash over its weights and settings."""
    return f"{name} {version} ({digest([weights, settings])[:8]})"


def provenance_path(folder: Path, kind: str) -> Path:
    """The file that states where a kind comes from."""
    return folder / f"{kind}.json"


def read_provenance(folder: Path, kind: str) -> Provenance | None:
    """What is recorded of a kind; None where nothing is (it was given). Raises SuiteError where it is damaged."""
    path = provenance_path(folder, kind)
    if not path.is_file():
        return None
    stated = read_json(path)
    try:
        return Provenance(**{**stated, "size": tuple(stated["size"])})
    except (KeyError, TypeError) as error:
        raise SuiteError(
            f"{path} is damaged: {error}", "annotate the clip anew: bench data annotate --replace"
        ) from None


def made_by(folder: Path, kind: str) -> str:
    """Who made a kind that is there: :attr:`Provenance.maker`, or ``given files``. Raises SuiteError."""
    known = read_provenance(folder, kind)
    return GIVEN if known is None else known.maker


def note_digest(folder: Path, kind: str, path: Path) -> str:
    """Hash of one annotation: the recorded one of its values, else of the bytes of its files.

    Args:
        path: the file or folder that :func:`datasets.annotation_files.find` gives.
    """
    known = read_provenance(folder, kind)
    if known is not None:
        return known.sha256
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return digest([(p.relative_to(folder).as_posix(), sha256_file(p)) for p in files])


def mixed(makers: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Kinds that more than one annotator made, with a sentence that counts them.

    Args:
        makers: kind -> who made it, clip by clip.
    """
    found = {}
    for kind, names in makers.items():
        counts = Counter(names)
        if len(counts) > 1:
            listed = ", ".join(f"{name}: {n} clips" for name, n in counts.most_common())
            found[kind] = f"{kind} comes from {len(counts)} annotators ({listed})"
    return found
