"""A robot that takes poses: the guard begins where it is, keeps it on a leash, and the last target does not move."""

import numpy as np
import pytest
from pose_rig import PoseRig

from wm_ros.messages.stamp import to_ns
from wm_ros.nodes.guard_node import GuardNode

RATES = np.array([0.1, -0.1, 0.05, 0.2, 0.0, -0.3])


@pytest.fixture
def rig(ros):
    return PoseRig(ros)


def guard(ros, **parameters):
    """An active guard that may move the robot."""
    return ros.start(
        GuardNode,
        {
            "autostart": True,
            "enable_control": True,
            "profile": "franka_pose",
            "stop_hold_s": 0.2,
            **parameters,
        },
    )


def check_still(rig, hold_s=0.2):
    """It ended in a ramp within the limits, and then in one pose again and again."""
    rig.until_silent()
    rig.check_stop(hold_s)
    targets = rig.targets()
    np.testing.assert_array_equal(targets[-1], targets[-2])
    np.testing.assert_allclose(np.linalg.norm(targets[:, 3:], axis=1), 1.0, atol=1e-9)


def test_poses_begin_where_the_robot_is_and_end_in_one_that_stands_still(ros, rig):
    guard(ros)
    begun = np.concatenate([rig.position, rig.quaternion])
    rig.move(RATES)
    np.testing.assert_allclose(rig.targets()[0], begun, atol=1e-2)
    rig.call("stop")
    check_still(rig)
    assert {message.header.frame_id for message in rig.messages} == {"base"}
    stamps = [to_ns(message.header.stamp) for message in rig.messages]
    assert stamps == sorted(set(stamps))
    rig.position = rig.position + 0.3  # moved by hand
    rig.commands.clear()
    rig.messages.clear()
    rig.telling = False
    ros.until(lambda: "pose too old" in rig.call("start").message, "the refusal")
    rig.telling = True
    place = rig.position
    rig.move(RATES)
    np.testing.assert_allclose(rig.targets()[0, :3], place, atol=1e-2)


def test_without_a_pose_it_does_not_start_and_says_why(ros, rig):
    rig.telling = False
    guard(ros)
    rig.until_status("idle: call ~/start")
    answer = rig.call("start")
    assert not answer.success
    assert answer.message.startswith("no pose: no measured pose came on end_effector_pose")
    rig.rates = RATES
    ros.spin_for(0.3)
    assert rig.messages == []


def test_a_pose_lost_before_the_first_plan_keeps_it_waiting(ros, rig):
    guard(ros)
    rig.start()
    rig.telling = False
    ros.spin_for(0.4)
    rig.rates = RATES
    rig.until_status("waiting: pose too old")
    ros.spin_for(0.2)
    assert rig.messages == []
    rig.telling = True
    rig.until_at(RATES)


def silent(rig):
    rig.telling = False


def frozen(rig):
    rig.pose_stamp_ns = rig.ros.node.get_clock().now().nanoseconds


def of_another_frame(rig):
    rig.frame = "tool"


def broken(rig):
    rig.quaternion = np.full(4, np.nan)
    rig.following = False


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (silent, "pose too old: 0."),
        (frozen, "pose too old: 0."),
        (of_another_frame, "in frame 'base', now 'tool'"),
        (broken, "a pose needs finite numbers"),
    ],
)
def test_a_robot_that_no_longer_tells_where_it_is_stops(ros, rig, cause, said):
    guard(ros)
    rig.move(RATES)
    cause(rig)
    check_still(rig)
    rig.until_status(said)
    rig.until_status("stopped: pose too old")


def test_a_hiccup_of_the_pose_does_not_need_start_and_goes_on_from_the_target(ros, rig):
    guard(ros, stop_hold_s=5.0)
    rig.move(RATES)
    rig.telling = False
    ros.until(lambda: not rig.commands[-1].any(), "a stop")
    rig.telling = True
    rig.until_at(RATES)
    rig.until_status("resumed=1")
    rig.check_limits()


def test_a_robot_that_does_not_follow_stops_within_the_leash(ros, rig):
    guard(ros)
    rig.start()
    rig.following = False
    rig.rates = RATES
    rig.until_status("robot does not follow: it is 0.0")
    check_still(rig)
    ramp_m = float((RATES[:3] ** 2).sum()) / 2.0 / 1.0 + 0.01
    away_m = np.linalg.norm(rig.targets()[-1, :3] - rig.position)
    assert away_m < rig.profile.command.leash.position_m + ramp_m
    rig.until_status("Then call ~/start")


def test_a_dry_run_needs_the_pose_too_and_sends_none(ros, rig):
    guard(ros, enable_control=False)
    rig.rates = RATES
    rig.start()
    rig.until_status("dry run, nothing is sent (enable_control, then ~/start): active")
    ros.spin_for(0.3)
    assert rig.messages == []
    rig.telling = False
    rig.until_status("pose too old")


@pytest.mark.parametrize("transition", ["deactivate", "shutdown"])
def test_leaving_ends_in_a_target_that_does_not_move(ros, rig, transition):
    guard(ros, stop_hold_s=0.0)
    rig.move(RATES)
    assert ros.change_state("/guard", transition)
    check_still(rig, hold_s=0.0)


def test_an_error_inside_the_guard_repeats_the_last_target(ros, rig, monkeypatch):
    node = guard(ros)
    rig.move(RATES)

    def fail(now):
        raise RuntimeError("a bug")

    monkeypatch.setattr(node._guard, "tick", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        ros.until(lambda: False, "the error")
    ros.until(lambda: not rig.commands[-1].any(), "the repeated pose")
    rig.until_silent()


def test_the_status_tells_how_old_the_pose_is(ros, rig):
    guard(ros)
    rig.until_status("pose_age_s=0.0")
