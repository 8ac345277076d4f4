"""The guard's promises on real topics, each with its own test."""

import subprocess
import sys
import time

import numpy as np
import pytest
from guard_rig import Rig, guard, profile_file
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.nodes.guard_node import GuardNode
from wm_ros.robots.profile import load_profile
from wm_ros.ros.qos import STOP


@pytest.fixture
def rig(ros):
    return Rig(ros)


def test_nothing_is_said_before_start_nor_before_the_first_plan(ros, rig, monkeypatch):
    node = guard(ros, max_observation_age_s=5.0)
    rig.until_status("idle: call ~/start")
    arrived, offer = [], node._guard.offer
    monkeypatch.setattr(node._guard, "offer", lambda plan, now: (arrived.append(plan), offer(plan, now))[1])
    ros.until(rig.plans.get_subscription_count, "the guard's subscription")
    rig.plans.publish(rig.plan([1.0, 1.0], length_s=60.0))  # could be followed for another 5 s
    ros.until(lambda: arrived, "the plan to arrive")
    ros.spin_for(0.2)
    assert rig.commands == []
    rig.start()
    rig.until_status("waiting: no plan: no valid plan came yet")
    ros.spin_for(0.3)
    assert rig.commands == []


def test_plans_become_commands_within_the_limits_at_the_profile_s_rate(ros, rig):
    guard(ros)
    rig.move([1.5, -1.5])
    for rates in ([-1.5, 1.5], [9.0, -9.0], [0.0, 0.3]):
        rig.rates = np.array(rates)
        rig.until_at(np.clip(rates, -1.5, 1.5))
    rig.check_limits()
    periods = np.diff(rig.times_s)
    assert np.median(periods) == pytest.approx(0.02, abs=0.004)


def test_dry_run_is_the_default_computes_all_and_sends_nothing(ros, rig):
    ros.start(GuardNode, {"autostart": True})
    rig.rates = np.array([1.0, 1.0])
    rig.start()
    rig.until_status("dry run, nothing is sent (enable_control, then ~/start): active")
    ros.spin_for(0.3)
    assert rig.commands == []


def profile_of(folder, kind, fields):
    """The arm with commands of another type."""
    parts = load_profile("arm").to_dict()["action"]
    action = [{**part, "field": field} for part, field in zip(parts, fields, strict=True)]
    return profile_file(folder, {"command": {"type": kind, "topic": "robot/command"}, "action": action})


STAMPED = ("geometry_msgs/msg/TwistStamped", ("twist.linear.x", "twist.angular.z"))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("std_msgs/msg/Float64MultiArray", ("data[0]", "data[1]")),
        ("geometry_msgs/msg/Twist", ("linear.x", "angular.z")),
        STAMPED,
        ("trajectory_msgs/msg/JointTrajectory", ("points[0].velocities[0]", "points[0].velocities[1]")),
    ],
)
def test_every_command_type_drives_and_stops(ros, tmp_path, kind, fields):
    path = profile_of(tmp_path, kind, fields)
    rig = Rig(ros, load_profile(path))
    guard(ros, profile=str(path), stop_hold_s=0.2)
    rig.move()
    rig.call("stop")
    rig.until_silent()
    rig.check_stop(hold_s=0.2)
    stamped = [to_ns(message.header.stamp) for message in rig.messages if hasattr(message, "header")]
    assert stamped == sorted(set(stamped))
    if kind == "trajectory_msgs/msg/JointTrajectory":
        assert to_ns(rig.messages[-1].points[0].time_from_start) == 20_000_000


def test_without_a_driver_it_does_not_start_and_with_one_that_leaves_it_stops(ros, rig):
    """A driver that comes into a motion would be told a speed at once."""
    guard(ros)
    ros.node.destroy_subscription(rig.ear)
    ros.until(lambda: not rig.call("start").success, "a refusal")
    refusal = rig.call("start").message
    assert refusal.startswith(
        "nobody listens: to /joint_velocity_controller/commands: is the robot's driver up?"
    )
    rig.listen()
    ros.until(lambda: rig.call("start").success, "a start")
    rig.rates = np.array([1.0, -0.5])
    rig.until_at(rig.rates)
    ros.node.destroy_subscription(rig.ear)
    rig.until_status("stopped: nobody listens")
    rig.commands.clear()
    rig.listen()
    ros.spin_for(0.5)
    assert rig.commands == []


def test_stop_service_ramps_holds_zero_for_a_second_goes_silent_and_start_goes_on(ros, tmp_path):
    path = profile_of(tmp_path, *STAMPED)
    rig = Rig(ros, load_profile(path))
    guard(ros, profile=str(path))
    rig.move()
    assert rig.call("stop").success
    rig.until_silent()
    rig.check_stop()
    moving = np.flatnonzero(np.array(rig.commands).any(axis=1))[-1]
    first, *_, last = (to_ns(message.header.stamp) / 1e9 for message in rig.messages[moving + 1 :])
    assert 0.8 < last - first < 1.02  # of the guard's own time: a busy executor receives them late
    rig.until_status("stopped: requested: by ~/stop")
    rig.move([0.5, 0.5])


def test_reset_forgets_the_reason_and_leaves_the_guard_idle(ros, rig):
    guard(ros, stop_hold_s=0.1)
    rig.move()
    assert not rig.call("reset").success
    rig.call("stop")
    rig.until_silent()
    assert rig.call("reset").success
    rig.statuses.clear()
    rig.until_status("idle: call ~/start")


def test_a_planner_that_falls_silent_stops_the_robot_and_the_status_names_age_limit_and_fix(ros, rig):
    guard(ros)
    rig.move()
    rig.rates = None
    rig.until_silent()
    rig.check_stop()
    text = rig.until_status("observation too old")
    assert "raise max_observation_age_s or speed up the planner: age 0.3" in text
    assert "> 0.30 s" in text
    rig.rates = np.array([1.0, 1.0])  # the latch holds though plans come again
    count = len(rig.commands)
    ros.spin_for(0.3)
    assert len(rig.commands) == count


def test_a_frozen_picture_stops_the_robot_though_fresh_plans_keep_coming(ros, rig):
    guard(ros)
    rig.move()
    rig.stamp_ns = ros.node.get_clock().now().nanoseconds
    rig.until_silent()
    rig.check_stop()
    rig.until_status("observation too old")


def test_a_hiccup_of_the_planner_does_not_need_start(ros, rig):
    guard(ros)
    rig.move()
    rig.rates = None
    ros.until(lambda: not rig.commands[-1].any(), "a stop")
    rig.rates = np.array([0.5, 0.5])
    rig.until_at(rig.rates)
    rig.until_status("resumed=1")
    rig.check_limits()


def nan_plan(rig):
    message = rig.plan([1.0, 1.0])
    message.points[0].velocities[0] = float("nan")
    rig.plans.publish(message)


def plan_of_another_robot(rig):
    message = rig.plan([1.0, 1.0])
    message.joint_names = ["wheel", "elbow"]
    rig.plans.publish(message)


def plan_from_the_future(rig):
    rig.plans.publish(rig.plan([1.0, 1.0], age_s=-30.9))  # which the way here takes little off


def stop_topic(rig):
    publisher = rig.ros.node.create_publisher(Bool, "stop", STOP)
    rig.ros.until(publisher.get_subscription_count, "the guard's stop subscription")
    publisher.publish(Bool(data=True))


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (nan_plan, "invalid plan: plan has NaN or infinite rates"),
        (plan_of_another_robot, "invalid plan: plan moves ['wheel', 'elbow'], but profile arm has"),
        (plan_from_the_future, "future stamp: observation is 30."),
        (stop_topic, "stop topic: it said true"),
    ],
)
def test_other_reasons_latch_at_once_while_good_plans_keep_coming(ros, rig, cause, text):
    guard(ros, stop_hold_s=0.2)
    rig.move()
    cause(rig)
    rig.until_silent()
    rig.check_stop(hold_s=0.2)
    assert np.isfinite(rig.commands).all()
    rig.until_status(text)


def test_a_dead_stop_publisher_means_stop(ros, rig):
    guard(ros, stop_heartbeat_timeout_s=0.3, stop_hold_s=0.2)
    assert "stop heartbeat lost" in rig.call("start").message
    publisher = ros.node.create_publisher(Bool, "stop", STOP)
    heartbeat = ros.node.create_timer(0.05, lambda: publisher.publish(Bool(data=False)))
    ros.until(lambda: rig.call("start").success, "a start with a heartbeat")
    rig.move()
    ros.spin_for(0.5)
    assert rig.commands[-1].any()
    ros.node.destroy_timer(heartbeat)
    rig.until_silent()
    rig.check_stop(hold_s=0.2)
    rig.until_status("stop heartbeat lost: nothing on `stop` for 0.3")


def test_deactivating_sends_the_stop_first_and_zero_last(ros, rig):
    guard(ros)
    rig.move()
    assert ros.change_state("/guard", "deactivate")
    rig.until_silent()
    rig.check_stop()
    assert "inactive: activate it first" in rig.call("start").message
    assert ros.change_state("/guard", "activate")
    rig.until_status("idle: call ~/start")
    rig.move()


@pytest.mark.parametrize("hold_s", [0.0, 0.1])
def test_shutdown_from_motion_ends_at_zero_however_short_the_hold(ros, rig, hold_s):
    guard(ros, stop_hold_s=hold_s)
    rig.move()
    assert ros.change_state("/guard", "shutdown")
    rig.until_silent()
    rig.check_stop(hold_s)


def test_an_error_inside_the_guard_ends_at_zero_and_ends_the_process(ros, rig, monkeypatch):
    node = guard(ros)
    rig.move()

    def fail(now):
        raise RuntimeError("a bug")

    monkeypatch.setattr(node._guard, "tick", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        ros.until(lambda: False, "the error")
    ros.until(lambda: not rig.commands[-1].any(), "the last zero")
    rig.until_silent()


def test_a_busy_executor_cannot_keep_the_robot_moving(ros, rig):
    guard(ros)
    rig.move()
    time.sleep(0.8)  # the executor of guard and planner does nothing meanwhile
    commands_meanwhile = len(rig.commands)
    ros.until(lambda: len(rig.commands) > commands_meanwhile + 30, "what was sent meanwhile")
    assert not np.array(rig.commands[commands_meanwhile:]).any(axis=1).all()


def test_simulated_time_standing_still_or_jumping_stops_the_robot(ros, rig):
    guard(ros, use_sim_time=True, stop_hold_s=0.1)
    clock = ros.node.create_publisher(Clock, "/clock", 10)
    sim = {"ns": 1_000 * 10**9, "step": 10_000_000}

    def advance():
        sim["ns"] += sim["step"]
        clock.publish(Clock(clock=fill_stamp(Clock().clock, sim["ns"])))
        rig.stamp_ns = sim["ns"] - 50_000_000

    ros.node.create_timer(0.01, advance)
    rig.move()
    sim["step"] = 0
    rig.until_silent()
    rig.check_stop(hold_s=0.1)
    rig.until_status("observation too old")
    sim["step"] = 10_000_000
    rig.move()
    sim["ns"] += 5 * 10**9
    rig.until_status("clock jump: ROS time jumped by +")
    rig.until_silent()
    rig.check_stop(hold_s=0.1)


def test_a_best_effort_planner_is_told_how_to_mend_it(ros, rig):
    guard(ros)
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    ros.node.create_publisher(JointTrajectory, "plan", best_effort)
    rig.until_status("a publisher on /plan offers incompatible QoS (reliability)")


def test_the_guard_needs_no_torch():
    code = "import sys; sys.modules['torch'] = None; import wm_ros.nodes.guard_node"
    subprocess.run([sys.executable, "-c", code], check=True)
