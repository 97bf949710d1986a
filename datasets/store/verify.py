"""``bench data verify NAME``: the twelve checks of a store, one finding a line.

1 frames decode and move, 2 one size and colour, 3 counts, 4 duplicates, 5 leakage between splits, 6 frame rates,
7 lengths, 8 names, 9 people, 10 pairs, 11 annotations, 12 fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable

from datasets.store import checks_frames, checks_lists, checks_notes
from datasets.store.card import RealSpec, require_prepared
from datasets.store.items import LEVELS, Finding
from datasets.store.manifest import Manifest, read_manifest

Progress = Callable[[int, int, str], None]


def verify(card: RealSpec, progress: Progress, people: bool = False) -> list[Finding]:
    """All findings of a prepared store: errors first, then by check and clip.

    Args:
        people: also look for faces in sampled frames (check 9), which takes seconds a clip.

    Raises:
        MissingInputError: the store is not there, or ``people`` and no face detector is installed.
        SuiteError: its manifest is damaged.
    """
    require_prepared(card)
    store = read_manifest(card.root)
    found = [Finding(**finding) for finding in store.info.get("findings", [])]
    for done, row in enumerate(store.rows):
        progress(done, len(store.rows), f"reading {row.clip_id}")
        found += checks_frames.check_clip(store, row)
        found += checks_notes.check_notes(store, row)
    progress(len(store.rows), len(store.rows), "read")
    found += _lists(card, store)
    if people:
        from datasets.store.checks_people import check_people

        found += check_people(card, store, progress)
    else:
        remedy = f"bench data verify {card.name} --people"
        found.append(Finding("I", 9, "", "faces were not looked for", remedy))
    return sorted(dict.fromkeys(found), key=lambda f: (LEVELS.index(f.level), f.check, f.clip))


def _lists(card: RealSpec, store: Manifest) -> list[Finding]:
    """The checks that need the manifest only."""
    checks: tuple[Callable[[RealSpec, Manifest], list[Finding]], ...] = (
        checks_lists.check_sizes,
        checks_lists.check_colour,
        checks_lists.check_counts,
        checks_lists.check_duplicates,
        checks_lists.check_looks,
        checks_lists.check_leakage,
        checks_lists.check_rates,
        checks_lists.check_lengths,
        checks_lists.check_names,
        checks_lists.check_pairs,
        checks_notes.check_completeness,
        checks_notes.check_makers,
        checks_lists.check_fingerprint,
    )
    return [finding for check in checks for finding in check(card, store)]
