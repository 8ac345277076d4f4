"""Demonstrations are the same every time, do what they ask for, and cannot be done by going straight to the end."""

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")

from wm_ros.bench.imitation import apart
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.demonstrations import PERIOD_S, demonstrate, kinds_of, other_start
from wm_ros.tasks.lockstep import LockstepOptions, drive
from wm_ros.tasks.sequenced import Replayed
from wm_ros.tasks.simulated import simulated, task_of

EVERY = [(robot, kind) for robot in ("arm", "rover", "pusher") for kind in kinds_of(load_profile(robot))]


@pytest.fixture(params=EVERY, ids=lambda one: " ".join(one))
def shown(request):
    robot, kind = request.param
    profile = load_profile(robot)
    return profile, kinds_of(profile)[kind], demonstrate(profile, kinds_of(profile)[kind], 1, seed=3)


def test_equal_numbers_give_equal_frames_and_the_expert_does_what_is_asked(shown):
    profile, kind, one = shown
    again = demonstrate(profile, kind, 1, seed=3)
    np.testing.assert_array_equal(one.frames, again.frames)
    task = task_of(profile, simulated(profile))
    assert one.done(task, PERIOD_S * np.arange(len(one.states)), one.states)
    start = other_start(task, one, 1, seed=3)
    assert one.clear(task, start[None])
    assert np.abs(start - one.states[0]).max() > 1e-3


def test_its_commands_replayed_from_its_own_start_do_the_same(shown):
    profile, _, one = shown
    robot = simulated(profile)
    simulator, task = robot.simulator(one.scene), task_of(profile, robot)
    simulator.place(one.states[0])
    policy = Replayed(profile.names, one.rates, PERIOD_S)
    options, seconds = LockstepOptions(latency_s=0.0), PERIOD_S * len(one.rates) + 1.5
    times_s, track = drive(
        profile, policy, simulator, one.states[-1], options, seconds, lambda times, track: False
    )
    assert one.done(task, times_s, track)
    assert apart(one.places(task, track[::5]), one.places(task, one.states)) < 0.02


def test_the_straight_way_to_the_end_does_not_do_it(shown):
    profile, _, one = shown
    task = task_of(profile, simulated(profile))
    straight = np.linspace(one.states[0], one.states[-1], 50)
    if one.kind.place != "puck":  # which nothing but a finger moves
        assert not one.done(
            task, PERIOD_S * np.arange(60), np.concatenate([straight, straight[-1:].repeat(10, 0)])
        )


def test_paths_are_compared_in_order_whatever_time_they_take():
    there = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert apart(there, there.repeat(3, axis=0)) == 0.0
    assert apart(there, there + np.array([0.0, 0.5])) == pytest.approx(0.5)
    assert apart(there, there[::-1]) > 0.5
