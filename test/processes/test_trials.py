"""Trials judge what really happened: a planner that knows the joints reaches its goals, random actions do not."""

import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

pytest.importorskip("mujoco")

from wm_ros.evaluation.closed_loop import Criterion, commands_out_of_limits
from wm_ros.messages.image import decode_image
from wm_ros.messages.plan import Plan, fill_plan
from wm_ros.nodes.children import NodeError
from wm_ros.nodes.client import Client
from wm_ros.nodes.explorer import Explorer
from wm_ros.nodes.observer import Observer
from wm_ros.nodes.qos import LATCHED, PLAN
from wm_ros.nodes.trials import Goals, Trials
from wm_ros.robots.profile import load_profile
from wm_ros.sim.arm import tip_position
from wm_ros.sim.embedded import embedded

SCENE = 1_000_000_007
ARM = embedded(load_profile("arm"))


class Oracle(Node):
    """Stands in for the pipeline: plans from the true joints to true goal joints, for the picture it is shown."""

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
        rate = np.clip(3.0 * (self.goal - self.observer.states[-1][1]), self.profile.low, self.profile.high)
        stamp = self.observer.frames[-1][0]
        plan = Plan(stamp, self.profile.names, np.stack([rate, 0 * rate]), np.array([0.0, 0.3]))
        self.plans.publish(fill_plan(JointTrajectory(), plan, JointTrajectoryPoint))


@pytest.fixture
def client(processes):
    processes.start("wm_ros.nodes.sim_node", {"seed": SCENE})
    processes.start("wm_ros.nodes.guard_node", {"autostart": True, "enable_control": True})
    with Client("test") as client:
        client.await_active(["guard"], 30.0)
        yield client


def test_an_oracle_reaches_its_goals_and_random_actions_do_not(client):
    profile = load_profile("arm")
    observer = client.add(Observer(profile))
    oracle = client.add(Oracle(profile, observer))
    trials = Trials(client, ARM, observer, client.add(Explorer(profile, 0, 1.0)), Criterion(limit_s=8.0))
    goals, seen = Goals(ARM, SCENE, seed=1), []
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
    at_random = trials.at_random(far, goals.picture(far), lambda s, m, h: None)
    assert not at_random.score.success
    assert at_random.score.duration_s >= 8.0
    assert np.ptp(at_random.track[1], axis=0).max() > 0.2
    assert commands_out_of_limits(np.array([vector for _, vector in observer.commands]), profile) == 0


def test_a_guard_that_gets_no_plan_ends_the_trial_with_its_complaint(client, monkeypatch):
    profile = load_profile("arm")
    observer = client.add(Observer(profile))
    trials = Trials(client, ARM, observer, client.add(Explorer(profile, 0, 1.0)), Criterion())
    goals = Goals(ARM, SCENE, seed=1)
    goal = goals.draw(trials.positions())
    monkeypatch.setattr("wm_ros.nodes.trials.FIRST_PLAN_S", 2.0)
    with pytest.raises(NodeError, match="in vain for the guard to get a plan"):
        trials.by_model(goal, goals.picture(goal), lambda s, m, h: None)


def test_goals_are_drawn_apart_and_their_picture_is_the_robot_s_camera(client):
    observer = client.add(Observer(load_profile("arm")))
    goals = Goals(ARM, SCENE, seed=2)
    client.until(lambda: observer.frames and observer.states, "the camera", 10.0)
    here = observer.states[-1][1]
    drawn = np.array([goals.draw(here) for _ in range(50)])
    assert np.linalg.norm(tip_position(drawn) - tip_position(here), axis=1).min() >= 0.1
    np.testing.assert_array_equal(goals.picture(here), observer.frames[-1][1])
