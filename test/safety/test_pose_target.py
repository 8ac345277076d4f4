"""Velocities become poses: begun where the robot is, within the limits one by one, on a leash, still at zero."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transforms3d.axangles import axangle2mat
from transforms3d.quaternions import axangle2quat, mat2quat, qmult, quat2mat

from wm_ros.robots.profile import load_profile
from wm_ros.safety.commanded_target import Measured
from wm_ros.safety.limiter import Limiter
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.safety.pose_target import angle, pose_target

FRANKA = load_profile("franka_pose")
PERIOD_S = 1.0 / FRANKA.command.rate_hz
S = 1_000_000_000
NOW = ClockReading(1_700_000_000 * S, 4_000 * S)
PLACE, TURN = np.array([0.4, -0.1, 0.3]), axangle2quat([1.0, 2.0, -1.0], 2.5)


def later(seconds, ros_s=None):
    return ClockReading(
        NOW.ros_ns + round((seconds if ros_s is None else ros_s) * S), NOW.steady_ns + round(seconds * S)
    )


def measure(target, position=PLACE, quaternion=TURN, frame="base", now=NOW, stamp_ns=None):
    stamp_ns = now.ros_ns if stamp_ns is None else stamp_ns
    return target.update(Measured((position, quaternion), stamp_ns, frame), now, future_tolerance_s=0.05)


@pytest.fixture
def target():
    target = pose_target(FRANKA)
    assert measure(target) is None
    return target


def test_it_begins_where_the_robot_is_and_zero_repeats_the_pose_to_the_bit(target):
    for _ in range(3):
        position, quaternion = target.advance(np.zeros(6))
        np.testing.assert_array_equal(position, PLACE)
        np.testing.assert_array_equal(quaternion, TURN)
    moved = target.advance(np.array([0.1, 0.0, 0.0, 0.3, 0.0, 0.2]))
    again = target.advance(np.zeros(6))
    for one, other in zip(moved, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rotation_is_about_the_axes_of_the_base():
    target = pose_target(FRANKA)
    measure(target)
    rates = np.array([0.0, 0.0, 0.0, 0.4, -0.3, 0.2])
    for _ in range(50):
        _, quaternion = target.advance(rates)
    length = np.linalg.norm(rates[3:])
    expected = axangle2mat(rates[3:], length * 50 * PERIOD_S) @ quat2mat(TURN)
    np.testing.assert_allclose(quat2mat(quaternion), expected, atol=1e-12)


def test_the_pose_is_where_the_model_imagines_it():
    torch = pytest.importorskip("torch")
    from wm_ros.models.action_conditioned.pose import euler, matrix, moved, turn

    target = pose_target(FRANKA)
    measure(target)
    rates = np.array([0.1, -0.2, 0.05, 0.4, -0.3, 0.2])
    steps = round(FRANKA.model_dt / PERIOD_S)
    for _ in range(steps):
        position, quaternion = target.advance(rates)
    dt = torch.tensor(rates) * steps * PERIOD_S
    start = torch.cat([torch.tensor(PLACE), euler(torch.tensor(quat2mat(TURN))), torch.zeros(1)])
    action = torch.cat([dt[:3], euler(turn(dt[3:])), torch.zeros(1)])
    imagined = moved(start, action)
    np.testing.assert_allclose(position, imagined[:3], atol=1e-9)
    assert angle(quaternion, mat2quat(matrix(imagined[3:6]).numpy())) < 1e-6


@settings(max_examples=40)
@given(
    wanted=st.lists(st.lists(st.floats(-0.6, 0.6), min_size=6, max_size=6), min_size=1, max_size=6),
    dts=st.lists(st.floats(0.001, 0.06), min_size=60, max_size=60),
)
def test_whatever_is_wanted_the_published_poses_keep_the_limits(wanted, dts):
    """Finite differences of the sequence at its nominal rate, with ticks early and late, to the standstill."""
    limiter, target = Limiter(FRANKA, PERIOD_S), pose_target(FRANKA)
    measure(target)
    poses = [(PLACE, TURN)]
    for index, dt_s in enumerate(dts):
        poses.append(target.advance(limiter.track(wanted[index * len(wanted) // 60], dt_s)))
    while not limiter.at_rest:
        poses.append(target.advance(limiter.brake(PERIOD_S)))
    poses.append(target.advance(limiter.brake(PERIOD_S)))
    positions = np.array([position for position, _ in poses])
    quaternions = np.array([quaternion for _, quaternion in poses])
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1.0, atol=1e-12)
    turns = np.array(
        [
            2.0
            * qmult(after, before * [1, -1, -1, -1])[1:]  # of such small angles, twice the sine of the half
            for before, after in pairwise(quaternions)
        ]
    )
    rates = np.hstack([np.diff(positions, axis=0), turns]) / PERIOD_S
    assert (rates >= FRANKA.low - 1e-4).all()
    assert (rates <= FRANKA.high + 1e-4).all()
    changes = abs(np.diff(np.vstack([np.zeros(6), rates]), axis=0)) / PERIOD_S
    assert (changes <= FRANKA.max_acceleration * 1.001 + 1e-2).all()
    np.testing.assert_array_equal(poses[-1][0], poses[-2][0])
    np.testing.assert_array_equal(poses[-1][1], poses[-2][1])


def test_silence_forgets_the_target_and_the_next_begins_at_the_measured_pose(target):
    target.advance(np.full(6, 0.2))
    measure(target, PLACE + 0.5, now=later(0.01))
    target.reset()
    np.testing.assert_array_equal(target.advance(np.zeros(6))[0], PLACE + 0.5)


@pytest.mark.parametrize(
    ("velocity", "off"),
    [
        ([0.2, 0.0, 0.0, 0.0, 0.0, 0.0], "0.080 m and 0.00 rad from its target"),
        ([0.0, 0.0, 0.0, 0.0, 0.4, 0.0], "0.000 m and 0.30 rad from its target"),
    ],
)
def test_a_robot_that_does_not_follow_is_on_a_leash(target, velocity, off):
    assert target.following_error() is None
    steps = 0
    while target.following_error() is None:
        target.advance(np.array(velocity))
        steps += 1
    limit = FRANKA.command.leash.position_m if velocity[0] else FRANKA.command.leash.rotation_rad
    assert steps == pytest.approx(limit / max(velocity) / PERIOD_S, abs=1.1)
    stray = target.following_error()
    assert off in stray.text
    assert stray.latches
    target.reset()
    assert target.following_error() is None


def test_q_and_minus_q_are_the_same_turn(target):
    target.advance(np.zeros(6))
    measure(target, quaternion=-TURN, now=later(0.01))
    assert target.following_error() is None


def test_nobody_knows_where_the_robot_is_before_it_says_so():
    target = pose_target(FRANKA)
    assert target.missing_state(NOW).name == "no pose"
    with pytest.raises(RuntimeError, match="begins at a measured pose"):
        target.advance(np.zeros(6))
    measure(target)
    assert target.missing_state(later(0.1)) is None


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(later(0.3), id="silent"),
        pytest.param(later(0.3, ros_s=0.0), id="ROS time stands still"),
        pytest.param(later(0.0, ros_s=0.3), id="ROS time runs ahead"),
    ],
)
def test_an_old_pose_is_named_on_either_clock(target, now):
    found = target.missing_state(now)
    assert "0.30 s on end_effector_pose > command.leash.max_age_s 0.2 s" in found.text
    assert not found.latches


def test_a_driver_that_repeats_a_stamp_does_not_refresh_it(target):
    measure(target, now=later(0.3), stamp_ns=NOW.ros_ns)
    assert target.missing_state(later(0.3)).name == "pose too old"


@pytest.mark.parametrize(("off_s", "why"), [(0.2, "future stamp"), (-0.5, "stamp going backwards")])
def test_poses_of_another_clock_or_of_two_drivers_do_not_count(target, off_s, why):
    refusal = measure(target, PLACE + 9.0, stamp_ns=NOW.ros_ns + round(off_s * S))
    assert why in refusal.text
    np.testing.assert_array_equal(target.advance(np.zeros(6))[0], PLACE)


def test_a_robot_whose_clock_began_anew_is_heard(target):
    anew = ClockReading(NOW.ros_ns - 100 * S, NOW.steady_ns + S)
    assert measure(target, now=anew) is None
    assert target.missing_state(anew) is None


def test_another_frame_does_not_count_while_a_target_stands(target):
    target.advance(np.zeros(6))
    assert "in frame 'base', now 'tool'" in measure(target, frame="tool", now=later(0.01)).text
    target.reset()
    assert measure(target, frame="tool", now=later(0.02)) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_that_is_not_finite_becomes_a_pose(target, bad):
    with pytest.raises(ValueError, match="is not finite"):
        target.advance(np.array([0.0, 0.0, bad, 0.0, 0.0, 0.0]))


def test_a_robot_that_takes_velocities_has_no_target():
    with pytest.raises(ValueError, match=r"franka_twist does not take poses"):
        pose_target(load_profile("franka_twist"))
