"""A printed number beside what is measured here: equal settings only, or why they are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leaderboard.cells import Cell
from leaderboard.reported_data import Reported
from leaderboard.tables import Board, Row

#: printed name -> the profile that repeats the recipe behind it, as far as it is known
PROFILES = {
    "L1": "l1@siarohin-2020", "AKD": "akd@siarohin-2020", "MKR": "mkr@siarohin-2020", "AED": "aed@siarohin-2020",
    "FID": "fid@default", "SSIM": "ssim@default", "PSNR": "psnr@default", "MS-SSIM": "ms-ssim@default",
    "LPIPS-VGG": "lpips-vgg@default", "LPIPS-Squeeze": "lpips-squeeze@default", "TCM": "tcm@raft",
    "Mask-SSIM": "mask-ssim@default", "Mask-PSNR": "mask-psnr@default",
}  # fmt: skip


@dataclass(frozen=True)
class Beside:
    """One printed number and what stands beside it: the cell of a ``released`` or ``retrained`` row of ours.

    Attributes:
        why: in what the two differ ("" = nothing that is known: they may be compared).
    """

    reported: Reported
    kind: str
    label: str
    board: Board
    cell: Cell
    why: str


def kind_of(row: Row) -> str:
    """``released`` where a given checkpoint was scored, else ``retrained``."""
    return "released" if row.runs[0].text("trained") == "checkpoint file" else "retrained"


def beside(numbers: Iterable[Reported], boards: Sequence[Board]) -> list[Beside]:
    """Every printed number of a method, data set and protocol that a board here has a row of, with that row's value."""
    found = []
    for number in numbers:
        for board in boards:
            setting = board.setting
            if setting.dataset != number.dataset or setting.name != number.protocol:
                continue
            for row in (r for r in board.methods if r.method == number.method):
                for key, cell in sorted(row.cells.items()):
                    if (
                        f"{key.metric}@{key.profile}" == PROFILES.get(number.metric)
                        and key.region == "whole"
                        and cell.ok
                    ):
                        why = differences(number, board, row)
                        found.append(Beside(number, kind_of(row), row.label, board, cell, why))
    return found


def differences(number: Reported, board: Board, row: Row) -> str:
    """Why a printed number and a row may not be compared; "" where nothing is known against it."""
    setting, said = board.setting, []
    if str(setting.size) != number.frame_size:
        said.append(f"{setting.size} px here, {number.frame_size} px in the paper")
    if setting.preset != "paper" and kind_of(row) == "retrained":
        said.append(f"preset {setting.preset}, not the paper's schedule")
    pairs = board.info.get("pairs")
    clips = "".join(c for c in number.split.partition(", ")[2] if c.isdigit())
    if pairs and clips and str(pairs) != clips:
        said.append(f"{pairs} clips here, {number.split} in the paper")
    if row.overrides:
        said.append("changed by hand")
    return "; ".join(said)
