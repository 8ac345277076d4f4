"""Motions of a base in the plane: arcs that are known, and the way back from poses to motions."""

import numpy as np
import pytest

from wm_ros.robots.planar import between, moved, path


def test_a_quarter_of_a_circle():
    pose = moved(np.array([1.0, 2.0, 0.0]), np.array([0.5 * np.pi, 0.0, 0.5 * np.pi]))
    np.testing.assert_allclose(pose, [2.0, 3.0, 0.5 * np.pi], atol=1e-12)


def test_a_straight_line_goes_where_the_base_looks():
    pose = moved(np.array([0.0, 0.0, 0.5 * np.pi]), np.array([2.0, 0.5, 0.0]))
    np.testing.assert_allclose(pose, [-0.5, 2.0, 0.5 * np.pi], atol=1e-12)


def test_the_motion_between_two_poses_leads_from_one_to_the_other():
    draw = np.random.default_rng(0)
    start, motion = draw.uniform(-3.0, 3.0, (500, 3)), draw.uniform(-3.0, 3.0, (500, 3))
    np.testing.assert_allclose(between(start, moved(start, motion)), motion, atol=1e-9)


@pytest.mark.parametrize("turns", [-2, -1, 1, 2])
def test_a_heading_that_was_wound_round_is_the_same_heading(turns):
    start, end = np.array([0.0, 0.0, 3.1]), np.array([0.1, 0.0, -3.1 + 2.0 * np.pi * turns])
    assert between(start, end)[2] == pytest.approx(2.0 * np.pi - 6.2)


def test_a_path_has_a_pose_more_than_motions_and_begins_at_the_origin():
    along = path(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.5 * np.pi], [1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(
        along, [[0, 0, 0], [1, 0, 0], [1, 0, 0.5 * np.pi], [1, 1, 0.5 * np.pi]], atol=1e-12
    )
