"""Which part of a target frame the source photo has shown."""

from __future__ import annotations

import numpy as np

from datasets.base import OBSERVABILITY as CODE
from datasets.synthetic.observability import Photo
from datasets.synthetic.renderer import flow_between

from .conftest import Make


def test_a_photo_has_shown_itself(make: Make) -> None:
    r = make(3, "dance")
    seen = Photo(r, 4).observability(r, 4)
    mask = r.mask(4) > 0
    assert np.array_equal(seen <= 1, mask)
    assert np.mean(seen[mask] == CODE["person-seen"]) > 0.98
    assert np.mean(seen[~mask] == CODE["background-seen"]) > 0.98


def test_a_back_view_is_unseen(make: Make) -> None:
    r = make(13, "turn", size=96)
    photo = Photo(r, 0)
    front, back = photo.observability(r, 1), photo.observability(r, 32)
    person = r.mask(32) > 0
    assert np.mean(back[person] == CODE["person-unseen"]) > 0.8
    assert np.mean(front[r.mask(1) > 0] == CODE["person-unseen"]) < 0.1


def test_revealed_background_is_where_the_person_stood(make: Make) -> None:
    r = make(5, "dance")
    k = 20
    codes, before, now = Photo(r, 0).observability(r, k), r.mask(0) > 0, r.mask(k) > 0
    revealed = codes == CODE["background-revealed"]
    assert revealed.sum() > 20
    assert np.mean(before[revealed]) > 0.9 and not now[revealed].any()
    assert np.mean(revealed[before & ~now]) > 0.9


def test_agrees_with_flow_to_the_photo(make: Make) -> None:
    """A second way to the same fact: a pixel is seen if its flow to the photo ends at a visible point."""
    r = make(7, "taichi", size=96)
    k = 30
    codes = Photo(r, 0).observability(r, k)
    _, visible = flow_between(r, k, r, 0)
    seen = np.isin(codes, (CODE["person-seen"], CODE["background-seen"]))
    assert np.mean(seen == visible) > 0.96
