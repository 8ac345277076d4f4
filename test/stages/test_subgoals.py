"""Frames of a video become goals by how far they are apart."""

import numpy as np
import pytest

from wm_ros.stages.subgoals import subgoals


def line(*places):
    return np.array(places, dtype=np.float64)[:, None]


def test_a_video_of_300_frames_becomes_a_handful_of_goals_by_distance_not_by_time():
    places = line(*np.zeros(100), *np.linspace(0.0, 10.0, 101), *np.full(99, 10.0))
    chosen = subgoals(places, 2.5)
    np.testing.assert_allclose(places[chosen, 0], [0.0, 2.5, 5.0, 7.5, 10.0], atol=0.11)
    assert chosen[-1] == len(places) - 1


def test_there_and_back_are_goals_of_their_own():
    assert subgoals(line(0, 1, 2, 3, 2, 1, 0), 3.0) == [0, 3, 6]


def test_a_frame_just_before_the_end_is_left_out():
    assert subgoals(line(0, 1, 2, 2.2), 1.0) == [0, 1, 3]
    assert subgoals(line(0, 1, 2, 2.6), 1.0) == [0, 1, 2, 3]


def test_where_nothing_changes_there_is_one_goal():
    assert subgoals(line(1, 1, 1.01), 1.0) == [2]
    assert subgoals(line(1), 1.0) == [0]
    with pytest.raises(ValueError, match="without frames"):
        subgoals(np.zeros((0, 2)), 1.0)


def test_a_short_way_there_and_back_and_a_turn_are_not_left_out():
    assert subgoals(line(0, 1, 2, 1, 0), 4.0) == [0, 2, 4]
    corner = 1.5 * np.array([[0, 0], [1, 0], [2, 0], [2, 1], [2, 2]])
    assert subgoals(corner, 4.0) == [0, 2, 4]
