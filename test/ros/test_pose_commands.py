"""A robot that takes poses: the guard begins where it is, keeps it on a leash, and the last target does not move."""

import numpy as np
import pytest
import yaml
from geometry_msgs.msg import PoseStamped
from pose_rig import PoseRig

from wm_ros.messages.plan import Plan
from wm_ros.messages.pose import fill_position_and_quaternion
from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.nodes.guard_node import GuardNode
from wm_ros.nodes.pose_commands import PoseCommands
from wm_ros.robots.profile import load_profile
from wm_ros.safety.guard import Guard
from wm_ros.safety.observation_gate import ClockReading

RATES = np.array([0.05, -0.05, 0.02, 0.2, 0.0, -0.3])


@pytest.fixture
def rig(ros, tmp_path):
    """Of a patient robot: on a busy machine guard and driver pause, and tests of other things must not end by that."""
    data = load_profile("franka_pose").to_dict()
    data["command"] |= {"timeout_s": 1.5}
    data["command"]["leash"]["max_age_s"] = 0.5
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(data))
    rig = PoseRig(ros, load_profile(path))
    rig.path = str(path)
    return rig


def guard(rig, **parameters):
    """An active guard that may move the robot."""
    return rig.ros.start(
        GuardNode,
        {
            "autostart": True,
            "enable_control": True,
            "profile": rig.path,
            "stop_hold_s": 0.6,
            "max_observation_age_s": 1.0,
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
    node = guard(rig)
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
    ros.until(lambda: node._guard.blocking_reason, "the pose to be too old")
    assert "pose too old" in rig.call("start").message
    rig.telling = True
    place = rig.position
    rig.move(RATES)
    np.testing.assert_allclose(rig.targets()[0, :3], place, atol=1e-2)


def test_without_a_pose_it_does_not_start_and_says_why(ros, rig):
    rig.telling = False
    guard(rig)
    rig.until_status("idle: call ~/start")
    answer = rig.call("start")
    assert not answer.success
    assert answer.message.startswith("no pose: no measured pose came on end_effector_pose")
    rig.rates = RATES
    ros.spin_for(0.3)
    assert rig.messages == []


def test_a_pose_lost_before_the_first_plan_keeps_it_waiting(ros, rig):
    guard(rig)
    rig.start()
    rig.telling = False
    rig.until_status("waiting: pose too old")
    rig.rates = RATES
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
    guard(rig)
    rig.move(RATES)
    cause(rig)
    check_still(rig)
    rig.until_status(said)
    rig.until_status("stopped: pose too old")


def test_a_hiccup_of_the_pose_does_not_need_start_and_goes_on_from_the_target(ros, rig):
    guard(rig, stop_hold_s=2.0)
    rig.move(RATES)
    rig.telling = False
    ros.until(lambda: not rig.commands[-1].any(), "a stop")
    rig.telling = True
    rig.until_at(RATES)
    rig.until_status("resumed=1")
    rig.check_limits()


def test_a_robot_that_does_not_follow_stops_within_the_leash(ros, rig):
    guard(rig)
    rig.start()
    rig.following = False
    rig.rates = RATES
    rig.until_status("robot does not follow: it is 0.0")
    check_still(rig)
    ramp_m = float((RATES[:3] ** 2).sum()) / 2.0 / 1.0 + 0.01
    away_m = np.linalg.norm(rig.targets()[-1, :3] - rig.position)
    assert away_m < rig.profile.command.leash.position_m + ramp_m
    rig.until_status("Then call ~/start")


def test_a_target_that_left_an_old_pose_behind_is_no_stray(rig):
    """It stops for the age of the pose, and may go on: nobody knows whether the robot follows."""
    second = 10**9
    guard, now = Guard(rig.profile), ClockReading(1_700_000_000 * second, 4_000 * second)
    commands = PoseCommands(rig.profile, guard)
    message = fill_position_and_quaternion(PoseStamped(), rig.position, rig.quaternion)
    fill_stamp(message.header.stamp, now.ros_ns)
    assert commands.update_pose(message, now) is None
    commands.before_tick(now)
    assert guard.start(now) is None
    for _ in range(30):  # 0.6 s; the pose may be 0.5 s old
        now = ClockReading(now.ros_ns + second // 50, now.steady_ns + second // 50)
        plan = Plan(now.ros_ns, rig.profile.names, [[0.13, 0, 0, 0, 0, 0], [0] * 6], [0.0, 1.0])
        guard.offer(plan, now)
        commands.before_tick(now)
        velocity = guard.tick(now)
        commands.fill(PoseStamped(), velocity, rig.profile, now.ros_ns)
    assert commands._target.following_error() is None
    for _ in range(30):
        commands._target.advance(rig.profile.high)
    assert commands._target.following_error()
    commands.before_tick(now)
    assert guard.reason.name == "pose too old"


def test_a_dry_run_needs_the_pose_too_and_sends_none(ros, rig):
    guard(rig, enable_control=False)
    rig.rates = RATES
    rig.start()
    rig.until_status("dry run, nothing is sent (enable_control, then ~/start): active")
    ros.spin_for(0.3)
    assert rig.messages == []
    rig.telling = False
    rig.until_status("pose too old")


@pytest.mark.parametrize("transition", ["deactivate", "shutdown"])
def test_leaving_ends_in_a_target_that_does_not_move(ros, rig, transition):
    guard(rig, stop_hold_s=0.0)
    rig.move(RATES)
    assert ros.change_state("/guard", transition)
    check_still(rig, hold_s=0.0)


def test_an_error_inside_the_guard_repeats_the_last_target(ros, rig, monkeypatch):
    node = guard(rig)
    rig.move(RATES)

    def fail(now):
        raise RuntimeError("a bug")

    monkeypatch.setattr(node._guard, "tick", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        ros.until(lambda: False, "the error")
    ros.until(lambda: not rig.commands[-1].any(), "the repeated pose")
    rig.until_silent()


def test_the_status_tells_how_old_the_pose_is(ros, rig):
    guard(rig)
    rig.until_status("pose_age_s=0.0")
