"""Trials judge what really happened: a planner that knows the joints reaches its goals, random actions do not."""

from dataclasses import replace

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from patience import WAIT_S
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

pytest.importorskip("mujoco")

from drive import rates_to

from wm_ros.messages.image import decode_image
from wm_ros.messages.plan import Plan, fill_plan
from wm_ros.robots.profile import load_profile
from wm_ros.ros.graph_client import GraphClient, NodeError
from wm_ros.ros.qos import LATCHED, PLAN
from wm_ros.runs.explorer import Explorer
from wm_ros.runs.observer import Observer
from wm_ros.runs.trials import Goals, Trials
from wm_ros.safety.command_checks import commands_out_of_limits
from wm_ros.tasks.arm import tip_position
from wm_ros.tasks.simulated import simulated
from wm_ros.tasks.success import Criterion

SCENE = 1_000_000_007
ARM = simulated(load_profile("arm"))


class Oracle(Node):
    """Stands in for the pipeline: plans from the true pose to the true goal pose, for the picture it is shown."""

    def __init__(self, profile, observer):
        super().__init__("pipeline")
        self.profile, self.observer = profile, observer
        self.goal, self.shown = None, []
        self.plans = self.create_publisher(JointTrajectory, "plan", PLAN)
        self.create_subscription(Image, "goal_image", lambda m: self.shown.append(decode_image(m)), LATCHED)
        self.create_service(Trigger, "pipeline/reset", self.reset)
        self.create_timer(0.1, self.plan)

    def reset(self, _, response):
        self.shown.clear()
        response.success = True
        return response

    def plan(self):
        if not self.shown or not self.observer.frames or not self.observer.states:
            return
        rate = rates_to(self.goal, self.observer.states[-1][1]).clip(self.profile.low, self.profile.high)
        stamp = self.observer.frames[-1][0]
        plan = Plan(stamp, self.profile.names, np.stack([rate, 0 * rate]), np.array([0.0, 0.3]))
        self.plans.publish(fill_plan(JointTrajectory(), plan, JointTrajectoryPoint))


@pytest.fixture
def robot():
    """Name of the embedded robot."""
    return "arm"


@pytest.fixture
def client(processes, robot):
    processes.start("wm_ros.nodes.sim_node", {"seed": SCENE, "profile": robot})
    guard = {"autostart": True, "enable_control": True, "profile": robot}
    processes.start("wm_ros.nodes.guard_node", guard)
    with GraphClient("test") as client:
        client.await_active(["guard"], WAIT_S)
        yield client


def test_an_oracle_reaches_its_goals_and_random_actions_do_not(client):
    profile = load_profile("arm")
    observer = client.add(Observer(profile))
    oracle, explorer = client.add(Oracle(profile, observer)), client.add(Explorer(profile, 0, 1.0))
    trials = Trials(client, ARM.task, observer, explorer, Criterion(limit_s=8.0))
    goals, seen = Goals(ARM.task, ARM.simulator(SCENE), seed=1), []
    for _ in range(2):
        oracle.goal = goals.draw(trials.positions())
        picture = goals.picture(oracle.goal)
        trial = trials.by_model(oracle.goal, picture, lambda s, m, h: seen.append((s, m)))
        assert trial.score.success
        assert trial.score.start_distance_m >= 0.1
        assert trial.score.seconds < trial.score.duration_s < 8.0  # it ends when settled
        assert np.linalg.norm(tip_position(trial.track[1][-1]) - tip_position(oracle.goal)) < 0.02
        assert 0.0 <= trial.stop_to_zero_s < 1.0
    assert seen[-1][1] < 0.02 < seen[0][1]
    far = goals.draw(trials.positions())
    short = Trials(client, ARM.task, observer, explorer, Criterion(limit_s=4.0))
    at_random = short.at_random(far, goals.picture(far), lambda s, m, h: None)
    assert not at_random.score.success
    assert at_random.score.duration_s >= 4.0
    assert np.ptp(at_random.track[1], axis=0).max() > 0.2
    assert commands_out_of_limits(np.array([vector for _, vector in observer.commands]), profile) == 0


@pytest.mark.parametrize("robot", ["rover"])
def test_the_rover_is_judged_by_its_pose_and_stops_by_itself_without_commands(client):
    profile = load_profile("rover")
    rover = simulated(profile)
    observer = client.add(Observer(profile))
    oracle = client.add(Oracle(profile, observer))
    criterion = replace(rover.task.criterion, settle_s=1.5)
    trials = Trials(client, rover.task, observer, client.add(Explorer(profile, 0, 1.5)), criterion)
    goals = Goals(rover.task, rover.simulator(SCENE), seed=1)
    client.until(lambda: observer.frames and observer.states, "camera and odometry", WAIT_S)
    seen = goals.picture(observer.states[-1][1])
    assert (seen != observer.frames[-1][1]).mean() < 1e-3  # a yaw through a quaternion is rounded
    oracle.goal = goals.draw(trials.positions())
    trial = trials.by_model(oracle.goal, goals.picture(oracle.goal), lambda s, m, h: None)
    assert trial.score.success
    assert trial.score.start_distance_m >= 0.5
    assert trial.score.final_heading_deg < 15.0
    assert commands_out_of_limits(np.array([vector for _, vector in observer.commands]), profile) == 0

    driver = client.node.create_publisher(TwistStamped, "cmd_vel", 1)
    client.until(driver.get_subscription_count, "the driver", WAIT_S)
    message = TwistStamped()
    message.twist.angular.z = 1.0
    timer = client.node.create_timer(0.02, lambda: driver.publish(message))
    still = observer.states[-1][1][2]
    client.until(lambda: abs(observer.states[-1][1][2] - still) > 0.3, "motion", WAIT_S)
    client.node.destroy_timer(timer)
    client.until(lambda: at_rest(observer.states), "the robot's own timeout", WAIT_S)


def at_rest(states):
    """Whether the last 0.2 s brought no motion."""
    return np.ptp([positions for _, positions in states[-10:]], axis=0).max() < 1e-6


def test_a_guard_that_gets_no_plan_ends_the_trial_with_its_complaint(client, monkeypatch):
    profile = load_profile("arm")
    observer = client.add(Observer(profile))
    trials = Trials(client, ARM.task, observer, client.add(Explorer(profile, 0, 1.0)), Criterion())
    goals = Goals(ARM.task, ARM.simulator(SCENE), seed=1)
    goal = goals.draw(trials.positions())
    monkeypatch.setattr("wm_ros.runs.trials.FIRST_PLAN_S", 2.0)
    with pytest.raises(NodeError, match="in vain for the guard to get a plan"):
        trials.by_model(goal, goals.picture(goal), lambda s, m, h: None)


def test_goals_are_drawn_apart_and_their_picture_is_the_robot_s_camera(client):
    observer = client.add(Observer(load_profile("arm")))
    goals = Goals(ARM.task, ARM.simulator(SCENE), seed=2)
    client.until(lambda: observer.frames and observer.states, "the camera", WAIT_S)
    here = observer.states[-1][1]
    drawn = np.array([goals.draw(here) for _ in range(50)])
    assert np.linalg.norm(tip_position(drawn) - tip_position(here), axis=1).min() >= 0.1
    np.testing.assert_array_equal(goals.picture(here), observer.frames[-1][1])
