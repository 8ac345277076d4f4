"""Lockstep trials judge either robot: who knows the goal arrives, who drives at random does not."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")

from checkpoint_harness import small_model
from drive import rates_to

from wm_ros.messages.plan import Plan
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.embedded import ROBOTS
from wm_ros.tasks.lockstep import LockstepOptions, model_policy, random_policy, run_goals

NAMES = ["arm", "rover"]  # to the pusher's goals nothing drives straight, test_so101.py has the SO-101's


def oracle(profile, robot):
    """A robot whose simulator tells where it is and was asked to stand, and who drives by that."""
    placed = []

    class Seen(robot.simulator):
        def place(self, positions):
            placed[:] = [*placed[-1:], (self, np.array(positions))]
            super().place(positions)

    def drive(stamp_ns, frame):
        (simulator, goal), _ = placed  # the goal for its picture, then the start
        rates = np.clip(rates_to(goal, simulator.positions), profile.low, profile.high)
        return Plan(stamp_ns, profile.names, np.stack([rates, 0 * rates]), np.array([0.0, 0.3]))

    return replace(robot, simulator=Seen), lambda number, picture: drive


@pytest.mark.parametrize("name", NAMES)
def test_an_oracle_arrives_and_random_actions_do_not(name, monkeypatch):
    profile = load_profile(name)
    robot = next(robot for robot in ROBOTS if robot.name == name)
    watched, aim = oracle(profile, robot)
    monkeypatch.setattr("wm_ros.tasks.lockstep.simulated", lambda _: watched)
    scores = list(run_goals(profile, aim, 3, 0))
    monkeypatch.undo()
    assert [score.success for score in scores] == [True] * 3
    assert all(score.seconds < score.duration_s for score in scores)
    assert (scores[0].final_heading_deg is None) == (name == "arm")
    control = list(run_goals(profile, random_policy(profile, 10.0), 2, 0, LockstepOptions(limit_s=5.0)))
    assert not any(score.success for score in control)
    assert control[0].start_distance_m == scores[0].start_distance_m


def test_a_model_of_the_rover_is_driven_by_its_plans():
    profile = load_profile("rover")
    aim = model_policy(small_model(profile), PlannerOptions(batch_size=8, iteration_count=1, elites=2), 0.1)
    (score,) = run_goals(profile, aim, 1, 0, LockstepOptions(limit_s=2.0))
    assert score.start_distance_m >= 0.5
    assert score.duration_s == pytest.approx(2.0, abs=0.05)
