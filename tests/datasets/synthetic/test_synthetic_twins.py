"""Training pairs across people: same pose, other person, other scene, and none of it from a split that scores."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.synthetic.twins import training_twin
from datasets.synthetic.world import SPLIT_SEEDS, build

SIZE = 48


@pytest.fixture(scope="module")
def twin():
    return training_twin(5, SIZE)


def test_both_people_take_the_same_pose_under_one_camera(twin):
    driver, target = build(twin.driving), build(twin.target)
    for k in (0, 20, 63):
        ours, theirs = (r.keypoints(k)[:25] for r in (target, driver))
        apart = np.abs(ours[:, :2] - theirs[:, :2])[(ours[:, 2] > 0) & (theirs[:, 2] > 0)]
        assert np.median(apart) < 0.04 * SIZE
        assert np.abs(target.rgb(k).astype(int) - driver.rgb(k)).mean() > 10


def test_a_pair_has_two_people_and_two_scenes_of_the_train_split():
    for index in (0, 7, 250, 700):
        twin = training_twin(index, SIZE)
        assert twin.photo.person == twin.target.person != twin.driving.person
        assert twin.photo.scene == twin.target.scene != twin.driving.scene
        assert twin.driving.motion == twin.target.motion
        seeds = [twin.photo.person.look, twin.driving.person.look, twin.photo.scene, twin.driving.scene]
        assert all(0 <= seed < SPLIT_SEEDS["val"] for seed in seeds)


def test_a_driver_meets_several_people():
    sources = {training_twin(3 + 240 * k, SIZE).photo.person.look for k in range(6)}
    assert len(sources) > 2
    assert training_twin(9, SIZE) == training_twin(9, SIZE)
