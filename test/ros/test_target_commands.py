"""Robots that take poses or joint positions: the guard begins where they are, keeps them on a leash, and the last
target does not move."""

import numpy as np
import pytest
import yaml
from sensor_msgs.msg import JointState
from target_rigs import rig_of

from wm_ros.messages.places import displacement
from wm_ros.messages.plan import Plan
from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.nodes.guard_node import GuardNode
from wm_ros.nodes.target_commands import target_commands
from wm_ros.robots.profile import load_profile
from wm_ros.ros.message_class import command_message
from wm_ros.safety.guard import Guard
from wm_ros.safety.observation_gate import ClockReading


@pytest.fixture(params=["franka_pose", "so101_position"])
def rig(ros, tmp_path, request):
    """Of a patient robot: on a busy machine guard and driver pause, and tests of other things must not end by that."""
    data = load_profile(request.param).to_dict()
    data["command"] |= {"timeout_s": 1.5}
    data["command"]["leash"]["max_age_s"] = 0.5
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(data))
    rig = rig_of(ros, load_profile(path))
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
    """It ended in a ramp within the limits, and then in one target again and again."""
    rig.until_silent()
    rig.check_stop(hold_s)
    targets = rig.targets()
    np.testing.assert_array_equal(targets[-1], targets[-2])
    if rig.what == "pose":
        np.testing.assert_allclose(np.linalg.norm(targets[:, 3:], axis=1), 1.0, atol=1e-9)


def test_targets_begin_where_the_robot_is_and_end_in_one_that_stands_still(ros, rig):
    node = guard(rig)
    begun = rig.place
    rig.move(rig.wanted)
    np.testing.assert_allclose(rig.targets()[0], begun, atol=1e-2)
    rig.call("stop")
    check_still(rig)
    if rig.what == "pose":
        assert {message.header.frame_id for message in rig.messages} == {"base"}
        stamps = [to_ns(message.header.stamp) for message in rig.messages]
        assert stamps == sorted(set(stamps))
    rig.place = rig.place + rig.push
    rig.commands.clear()
    rig.messages.clear()
    rig.telling = False
    ros.until(lambda: node._guard.blocking_reason, "the state to be too old")
    assert f"{rig.what} too old" in rig.call("start").message
    rig.telling = True
    place = rig.place
    rig.move(rig.wanted)
    np.testing.assert_allclose(rig.targets()[0], place, atol=1e-2)


def test_without_a_measured_state_it_does_not_start_and_says_why(ros, rig):
    rig.telling = False
    guard(rig)
    rig.until_status("idle: call ~/start")
    answer = rig.call("start")
    assert not answer.success
    assert answer.message.startswith(
        f"no {rig.what}: no measured {rig.what} came on {rig.profile.state.topic}"
    )
    rig.rates = rig.wanted
    ros.spin_for(0.3)
    assert rig.messages == []


def test_a_state_lost_before_the_first_plan_keeps_it_waiting(ros, rig):
    guard(rig)
    rig.start()
    rig.telling = False
    rig.until_status(f"waiting: {rig.what} too old")
    rig.rates = rig.wanted
    ros.spin_for(0.2)
    assert rig.messages == []
    rig.telling = True
    rig.until_at(rig.wanted)


def silent(rig):
    rig.telling = False


def frozen(rig):
    rig.state_stamp_ns = rig.ros.node.get_clock().now().nanoseconds


def broken(rig):
    rig.place = np.full(len(rig.place), np.nan)
    rig.following = False


@pytest.mark.parametrize(
    ("cause", "said"), [(silent, "too old: 0."), (frozen, "too old: 0."), (broken, "finite")]
)
def test_a_robot_that_no_longer_tells_where_it_is_stops(ros, rig, cause, said):
    guard(rig)
    rig.move(rig.wanted)
    cause(rig)
    check_still(rig)
    rig.until_status(said)
    rig.until_status(f"stopped: {rig.what} too old")


def test_a_pose_in_another_frame_does_not_count(ros, rig):
    if rig.what != "pose":
        pytest.skip("joints have no frame")
    guard(rig)
    rig.move(rig.wanted)
    rig.frame = "tool"
    check_still(rig)
    rig.until_status("in frame 'base', now 'tool'")
    rig.until_status("stopped: pose too old")


def test_a_hiccup_of_the_state_does_not_need_start_and_goes_on_from_the_target(ros, rig):
    guard(rig, stop_hold_s=2.0)
    rig.move(rig.wanted)
    rig.telling = False
    ros.until(lambda: not rig.commands[-1].any(), "a stop")
    rig.telling = True
    rig.until_at(rig.wanted)
    rig.until_status("resumed=1")
    rig.check_limits()


def test_a_robot_that_does_not_follow_stops_within_the_leash(ros, rig):
    guard(rig)
    rig.start()
    rig.following = False
    rig.rates = rig.wanted
    rig.until_status("robot does not follow: ")
    check_still(rig)
    off = abs(displacement(rig.place, rig.targets()[-1], rig.what == "pose"))
    # As far as the stop goes on, and a tick or two.
    ramp = (
        rig.wanted**2 / 2.0 / rig.profile.max_acceleration
        + 3.0 * abs(rig.wanted) / rig.profile.command.rate_hz
    )
    assert (off < leashes(rig.profile) + ramp + 0.01).all()
    rig.until_status("Then call ~/start")


def leashes(profile):
    """Of each component, m and rad or parts of an opening."""
    if profile.kind == "pose":
        return np.repeat([profile.command.leash.position_m, profile.command.leash.rotation_rad], 3)
    return np.array([part.target.leash for part in profile.action])


def test_a_target_that_left_an_old_state_behind_is_no_following_error(rig):
    """It stops for the age of the state, and may go on: nobody knows whether the robot follows."""
    second = 10**9
    guard, now = Guard(rig.profile), ClockReading(1_700_000_000 * second, 4_000 * second)
    commands = target_commands(rig.profile, guard)
    message = rig.state_message()
    fill_stamp(message.header.stamp, now.ros_ns)
    assert commands.update(message, now) is None
    commands.before_tick(now)
    assert guard.start(now) is None
    rates = np.zeros(len(rig.profile.action))
    rates[0] = 0.65 * rig.profile.high[0]
    period_ns = round(second / rig.profile.command.rate_hz)
    for _ in range(round(0.6 * second / period_ns)):  # the state may be 0.5 s old
        now = ClockReading(now.ros_ns + period_ns, now.steady_ns + period_ns)
        plan = Plan(now.ros_ns, rig.profile.names, [rates, 0.0 * rates], [0.0, 1.0])
        guard.offer(plan, now)
        commands.before_tick(now)
        commands.fill(command_message(rig.profile), guard.tick(now), rig.profile, now.ros_ns)
    for _ in range(60):
        commands._target.advance(rig.profile.high)
    assert commands._target.following_error()
    commands.before_tick(now)
    assert guard.reason.name == f"{rig.what} too old"


def test_a_dry_run_needs_the_state_too_and_sends_none(ros, rig):
    guard(rig, enable_control=False)
    rig.rates = rig.wanted
    rig.start()
    rig.until_status("dry run, nothing is sent (enable_control, then ~/start): active")
    ros.spin_for(0.3)
    assert rig.messages == []
    rig.telling = False
    rig.until_status(f"{rig.what} too old")


@pytest.mark.parametrize("transition", ["deactivate", "shutdown"])
def test_leaving_ends_in_a_target_that_does_not_move(ros, rig, transition):
    guard(rig, stop_hold_s=0.0)
    rig.move(rig.wanted)
    assert ros.change_state("/guard", transition)
    check_still(rig, hold_s=0.0)


def test_an_error_inside_the_guard_repeats_the_last_target(ros, rig, monkeypatch):
    node = guard(rig)
    rig.move(rig.wanted)

    def fail(now):
        raise RuntimeError("a bug")

    monkeypatch.setattr(node._guard, "tick", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        ros.until(lambda: False, "the error")
    ros.until(lambda: not rig.commands[-1].any(), "the repeated target")
    rig.until_silent()


def test_the_status_tells_how_old_the_measured_state_is(ros, rig):
    guard(rig)
    rig.until_status("state_age_s=0.0")


def test_a_message_that_tells_some_of_the_joints_does_not_count_and_one_of_another_robot_is_passed_over(
    ros, rig
):
    if rig.what == "pose":
        pytest.skip("of joints")
    commands = target_commands(rig.profile, Guard(rig.profile))
    now = ClockReading(10**18, 10**12)
    whole = rig.state_message()
    whole.name = ["base_wheel", *whole.name[1:]]
    assert "no position of shoulder_pan" in commands.update(whole, now).text
    other = JointState(name=["base_wheel"], position=[1.0])
    assert commands.update(other, now) is None
    assert commands.diagnostic_values(now) == {"state_age_s": ""}
