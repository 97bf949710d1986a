"""Contact sheet of a board: one PNG that shows sample pairs without a script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from leaderboard.media import Track, Trial, read_frames

if TYPE_CHECKING:
    from datasets.base import Array

MAX_PAIRS, MAX_TRACKS, COLUMNS = 3, 6, 6
TILE, GAP, MARGIN, LABEL, HEAD = 112, 6, 20, 176, 30
PAPER, INK, FAINT, EMPTY = (252, 252, 250), (28, 30, 33), (98, 104, 112), (226, 228, 230)


def _tile(frame: Array | None) -> Image.Image:
    """A frame at tile size; a grey square where there is none."""
    if frame is None:
        return Image.new("RGB", (TILE, TILE), EMPTY)
    picture = Image.fromarray(frame)
    scale = TILE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    tile = Image.new("RGB", (TILE, TILE), EMPTY)
    tile.paste(picture.resize(size, Image.Resampling.LANCZOS), ((TILE - size[0]) // 2, (TILE - size[1]) // 2))
    return tile


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, cut with an ellipsis to ``width`` pixels; unprintable characters are left out."""
    text = "".join(c for c in text if c.isprintable())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _moving(trial: Trial) -> list[Track]:
    return [t for t in trial.tracks if t.kind != "source"][:MAX_TRACKS]


def _block_height(trial: Trial) -> int:
    return HEAD + max(1, len(_moving(trial))) * (TILE + GAP)


def contact_sheet(trials: Sequence[Trial], title: str) -> Image.Image | None:
    """Source photo, and below each other driving video, truth and each method, at moments spread over the clip.

    Returns:
        None where no trial has a frame.
    """
    trials = [t for t in trials if t.n_frames and _moving(t)][:MAX_PAIRS]
    if not trials:
        return None
    width = 2 * MARGIN + TILE + GAP + LABEL + COLUMNS * (TILE + GAP)
    height = MARGIN + HEAD + sum(_block_height(t) + GAP for t in trials) + MARGIN
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), _fit(title, _font(17), width - 2 * MARGIN), INK, _font(17))
    y = MARGIN + HEAD
    for trial in trials:
        _draw_block(sheet, draw, trial, y)
        y += _block_height(trial) + GAP
    return sheet


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _draw_block(sheet: Image.Image, draw: ImageDraw.ImageDraw, trial: Trial, top: int) -> None:
    """One pair: a heading, the source photo on the left, the tracks on the right."""
    last = trial.n_frames - 1
    moments = [round(i * last / (COLUMNS - 1)) for i in range(COLUMNS)]
    left = MARGIN + TILE + GAP + LABEL
    small = _font(12)
    draw.text((MARGIN, top + 9), _fit(trial.pair, small, TILE + GAP + LABEL - 8), FAINT, small)
    for i, moment in enumerate(moments):
        draw.text((left + i * (TILE + GAP), top + 9), f"frame {moment + 1}", FAINT, small)
    y = top + HEAD
    source = next((t for t in trial.tracks if t.kind == "source"), None)
    if source is not None:
        sheet.paste(_tile(read_frames(source, [0])[0]), (MARGIN, y))
        draw.text((MARGIN, y + TILE + 5), "source photo", INK, _font(13))
    for track in _moving(trial):
        label = _fit(track.label, _font(13), LABEL - 14)
        draw.text((left - 10, y + TILE // 2), label, INK, _font(13), anchor="rm")
        for i, frame in enumerate(read_frames(track, moments)):
            sheet.paste(_tile(frame), (left + i * (TILE + GAP), y))
        y += TILE + GAP
