"""What changed since an older report, where one is named."""

from __future__ import annotations

from leaderboard.changes import compare_reports, write_identities
from leaderboard.site import Site

TITLE, PATH = "", "changes.html"


def build(site: Site) -> None:
    """Keep the identities of this report; with ``--diff`` write the page."""
    write_identities(site.folder, site.boards)
    if site.diff is not None:
        boards, gone = compare_reports(site.diff, site.boards)
        site.write(PATH, "changes.html", boards=boards, gone=gone)
