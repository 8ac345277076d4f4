"""PushT as a robot: driven at the velocities asked for, recorded pushing, judged by its block."""

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")
pytest.importorskip("gymnasium", reason="the extra `tasks` is not installed")
pytest.importorskip("gym_pusht", reason="gym-pusht is not installed: pip install --no-deps gym-pusht")

from checkpoint_harness import small_model

from wm_ros.data.bag_messages import Bag
from wm_ros.data.exploration import held_plan
from wm_ros.data.load import load_recording
from wm_ros.messages.state import read_state
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import load_profile
from wm_ros.tasks import pusht
from wm_ros.tasks.lockstep import LockstepOptions, model_policy, random_policy, run_goals
from wm_ros.tasks.record import record_sim
from wm_ros.tasks.simulated import simulated

PROFILE = load_profile("pusht")
ROBOT = simulated(PROFILE)
AWAY = np.array([0.10, 0.10, 0.40, 0.40, 0.3])  # nothing near the disc


@pytest.fixture(scope="module")
def simulator():
    return ROBOT.simulator()


def test_a_velocity_held_moves_the_disc_by_it_and_none_stops_it(simulator):
    simulator.place(AWAY)
    velocity = np.array([0.2, -0.05])
    simulator.step(velocity, 0.5)
    before = simulator.positions
    simulator.step(velocity, 0.5)
    assert simulator.positions[:2] - before[:2] == pytest.approx(0.5 * velocity, abs=1e-6)
    simulator.step(np.zeros(2), 0.2)
    still = simulator.positions
    simulator.step(np.zeros(2), 0.5)
    assert np.abs(simulator.positions - still).max() < 1e-4


def test_the_disc_stays_on_the_table(simulator):
    simulator.place(AWAY)
    simulator.step(np.array([-0.2, -0.2]), 2.0)
    assert simulator.positions[:2] == pytest.approx([0.015, 0.015], abs=1e-3)


def test_a_state_set_is_the_state_and_looks_the_same(simulator):
    other = ROBOT.simulator(5)
    motion = ROBOT.motion(PROFILE, np.random.default_rng(0))
    simulator.reset(3)
    for _ in range(30):
        simulator.step(motion(simulator.positions, 0.1), 0.1)
        other.place(simulator.positions)
        np.testing.assert_allclose(other.positions, simulator.positions, atol=1e-12)
        # Rounding may move an edge of the drawing, which is eight times as large.
        assert (other.render() != simulator.render()).any(axis=-1).mean() < 0.003
    shown = other.render()
    other.step(np.zeros(2), 0.5)
    assert np.abs(other.positions - simulator.positions).max() < 1e-3  # it was set at rest
    assert np.abs(other.render().astype(int) - shown).max() < 80


def test_starts_follow_the_seed_and_touch_nothing(simulator):
    for seed in range(30):
        simulator.reset(seed)
        start = simulator.positions
        simulator.step(np.zeros(2), 0.1)
        np.testing.assert_allclose(simulator.positions, start, atol=1e-9)
    picture = simulator.render()
    other = ROBOT.simulator(29)
    np.testing.assert_array_equal(other.render(), picture)
    assert picture.shape == (64, 64, 3)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("pusht") / "bag"
    record_sim(PROFILE, path, episodes=12, seconds=7.7, seed=0)
    return path


def test_the_recording_pushes_the_block_in_about_half_of_its_steps(bag):
    recording = load_recording(bag, PROFILE)
    assert [episode.stop - episode.start for episode in recording.episodes] == [80] * 12
    states = np.array([read_state(m.message, PROFILE) for m in Bag(bag).messages(["/joint_states"])])
    states = states.reshape(12, 80, 5)
    moved = np.linalg.norm(np.diff(states[..., 2:4], axis=1), axis=-1) > 0.0005
    assert 0.3 < moved.mean() < 0.7
    assert states[..., :2].min() > 0.014
    assert states[..., :2].max() < 0.498
    # The disc does what it is told, with the lag of its controller.
    clips = recording.clips(2)
    places = states.reshape(-1, 5)[:, :2]
    went = (places[clips[:, 1]] - places[clips[:, 0]]) / PROFILE.model_dt
    actions = recording.actions(clips)[:, 0]
    assert np.abs(actions).max() <= 0.2
    assert np.square(went - actions).mean() < 0.1 * np.square(actions).mean()


def test_frames_are_pictures_of_the_states_recorded_with_them(bag):
    recording = load_recording(bag, PROFILE)
    states = [read_state(m.message, PROFILE) for m in Bag(bag).messages(["/joint_states"])]
    other = ROBOT.simulator()
    for index in (0, 40, 79, 400, 959):
        other.place(states[index])
        assert (other.render() != recording.frames[index]).any(axis=-1).mean() < 0.003


def test_goals_must_be_pushed_to_and_whoever_knows_how_gets_there(monkeypatch):
    driven = []  # the velocities of each motion, the last that to the goal

    def motion(profile, generator):
        inner, way = ROBOT.motion(profile, generator), []
        driven.append(way)

        def step(positions, dt):
            way.append(inner(positions, dt))
            return way[-1]

        return step

    monkeypatch.setattr("wm_ros.tasks.gym_robot.ENVIRONMENTS", watching(motion))

    def replay(number, picture):
        way = iter([np.zeros(2), *driven[-1]])  # a guard's first command is its ramp's first step
        still = np.zeros(2)
        return lambda stamp_ns, frame: held_plan(stamp_ns, PROFILE.names, next(way, still), 0.1)

    scores = list(run_goals(PROFILE, replay, 8, 0, LockstepOptions(latency_s=0.0)))
    # A corner hit a hair earlier may end elsewhere: the guard's limits move a command in its sixth digit.
    assert sum(score.success for score in scores) >= 7
    assert np.median([score.final_distance_m for score in scores]) < 0.002
    assert all(score.duration_s == pytest.approx(4.9) for score in scores)
    monkeypatch.undo()
    control = list(run_goals(PROFILE, random_policy(PROFILE, 10.0), 8, 0))
    assert not any(score.success for score in control)
    assert [s.start_distance_m for s in control] == [s.start_distance_m for s in scores]


def watching(motion):
    from wm_ros.tasks.environments import ENVIRONMENTS

    name = PROFILE.simulator.env
    return {name: replace(ENVIRONMENTS[name], motion=motion)}


def test_a_model_drives_it_by_its_plans():
    aim = model_policy(small_model(PROFILE), PlannerOptions(batch_size=8, iteration_count=1, elites=2), 0.1)
    (score,) = run_goals(PROFILE, aim, 1, 0, LockstepOptions(limit_s=1.0))
    assert score.duration_s == pytest.approx(0.9)


def test_errors_are_of_the_block_alone():
    distance, heading = ROBOT.task.errors(
        np.array([[0.1, 0.1, 0.3, 0.4, 6.0], [0.4, 0.4, 0.0, 0.0, 0.0]]), np.array([0.0, 0.0, 0.0, 0.0, 0.0])
    )
    assert distance == pytest.approx([0.5, 0.0])
    assert heading == pytest.approx([2 * math.pi - 6.0, 0.0])


def test_the_block_covers_its_place_as_the_environment_counts_it(simulator):
    """The polygon of the T against the environment's own shapes."""
    from gym_pusht.envs.pusht import pymunk_to_shapely

    goal = np.array([0.1, 0.1, 0.25, 0.27, 0.7])
    for off in ([0.0, 0.0, 0.0], [0.012, -0.007, 0.1], [0.05, 0.0, 1.2]):
        state = goal + np.array([0.0, 0.0, *off])
        table = simulator._env.unwrapped
        simulator.place(goal)
        wanted = pymunk_to_shapely(table.block, table.block.shapes)
        simulator.place(state)
        covered = wanted.intersection(pymunk_to_shapely(table.block, table.block.shapes)).area / wanted.area
        assert pusht.coverage(state, goal) == pytest.approx(covered, abs=2e-3)
