"""Frames of several cameras: which make a set, and that nothing old hides in one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.frame_sets import FrameSets
from wm_ros.messages.views import joined, split, squares

MS = 1_000_000


def sets_of(arrivals, tolerance_s=0.05, count=2):
    """The sets of (camera, stamp in ms), in the order of arrival, as stamps in ms."""
    sets = FrameSets(count, tolerance_s)
    found = [sets.add(camera, stamp * MS, (camera, stamp)) for camera, stamp in arrivals]
    assert all(
        frame == (number, stamp // MS) for one in found if one for number, (frame, stamp) in pairs(one)
    )
    return [tuple(stamp // MS for stamp in one.stamps_ns) for one in found if one], sets


def pairs(found):
    return enumerate(zip(found.frames, found.stamps_ns, strict=True))


@pytest.mark.parametrize(
    ("arrivals", "wanted"),
    [
        ([(0, 10), (1, 10), (1, 110), (0, 110)], [(10, 10), (110, 110)]),
        ([(0, 10), (1, 59)], [(10, 59)]),
        ([(0, 10), (1, 61)], []),
        ([(0, 10), (1, 61), (0, 110)], [(110, 61)]),
        # One is three times as fast: as many sets as the slow one has frames.
        ([(0, 0), (1, 0), (0, 33), (0, 67), (0, 100), (1, 100), (0, 133)], [(0, 0), (100, 100)]),
        ([(0, 10), (0, 110), (0, 210)], []),  # the other is dead
        ([(0, 10), (1, 10), (0, 110), (0, 210)], [(10, 10)]),  # it died
    ],
)
def test_each_frame_is_used_once_with_the_newest_of_the_others(arrivals, wanted):
    assert sets_of(arrivals)[0] == wanted


def test_the_only_camera_s_frames_are_sets_at_once():
    assert sets_of([(0, 10), (0, 43)], count=1)[0] == [(10,), (43,)]


def test_how_far_apart_frames_are_that_wait_and_how_many_found_no_partner():
    _, sets = sets_of([(0, 10), (1, 510), (0, 110)])
    assert sets.apart_ns == 400 * MS
    assert sets.unused == {0: 1, 1: 0}
    sets.reset()
    assert sets.apart_ns == 0
    assert sets.add(0, 510 * MS, None) is None, "the other's frame was before the restart"


@given(
    st.integers(2, 4).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.lists(st.tuples(st.integers(0, count - 1), st.integers(1, 60)), max_size=60),
            st.integers(1, 200),
        )
    )
)
def test_oldest_stamps_increase_and_no_set_is_wider_than_the_tolerance(case):
    count, steps, tolerance_ms = case
    stamps, arrivals = [0] * count, []
    for camera, step in steps:
        stamps[camera] += step
        arrivals.append((camera, stamps[camera]))
    found, _ = sets_of(arrivals, tolerance_ms / 1000, count)
    assert all(max(one) - min(one) <= tolerance_ms for one in found)
    assert (np.diff([min(one) for one in found]) > 0).all()
    for camera in range(count):
        assert (np.diff([one[camera] for one in found]) > 0).all(), "no frame in two sets"


def test_pictures_of_any_shape_stand_side_by_side_as_squares():
    wide, high = np.full((48, 64, 3), 10, np.uint8), np.full((40, 32, 3), 200, np.uint8)
    wide[:, :8] = wide[:, 56:] = 99  # what lies beyond the centre square
    picture = joined([wide, high])
    assert picture.shape == (32, 64, 3)
    first, second = split(picture, 2)
    assert (first == 10).all()
    assert (second == 200).all()
    assert squares(picture, 2, 8).shape == (8, 16, 3)
    assert joined([wide]) is wide
    assert split(wide, 1)[0] is wide


def test_a_picture_of_one_camera_is_none_of_two():
    with pytest.raises(ImageError, match="96x48 at this height, and this one is 64x48"):
        split(np.zeros((48, 64, 3), np.uint8), 2)
