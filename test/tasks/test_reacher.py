"""Reacher of dm_control: in its own place of installation, since it needs MuJoCo 3."""

from importlib.util import find_spec

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")
if not find_spec("shimmy") or not find_spec("dm_control"):
    # Looked for and not imported: dm_control takes its renderer at import, which the package chooses before.
    pytest.skip("the extra `reacher` is not installed", allow_module_level=True)

from wm_ros.data.load import load_recording
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.lockstep import random_policy, run_goals
from wm_ros.tasks.reacher import tip_position
from wm_ros.tasks.record import record_sim
from wm_ros.tasks.simulated import simulated

PROFILE = load_profile("reacher")
ROBOT = simulated(PROFILE)


def test_it_is_recorded_longer_than_its_own_episodes(tmp_path):
    record_sim(PROFILE, tmp_path / "bag", episodes=2, seconds=25.0, seed=1)
    recording = load_recording(tmp_path / "bag", PROFILE)
    assert len(recording.episodes) == 2
    first = recording.frames[recording.episodes[0].start : recording.episodes[0].stop].astype(int)
    assert np.abs(np.diff(first, axis=0)).mean(axis=(1, 2, 3)).max() < 8.0  # no jump to another start


def test_a_state_set_is_seen_and_the_tip_is_where_the_angles_say():
    robot = ROBOT.simulator(3)
    angles = np.array([0.4, -1.1])
    robot.place(angles)
    np.testing.assert_array_equal(robot.positions, angles)
    tip = robot._env.unwrapped._env.physics.named.data.geom_xpos["finger"][:2]
    assert tip_position(angles) == pytest.approx(tip, abs=1e-6)
    shown = robot.render()
    robot.place(angles + 0.5)
    assert np.abs(robot.render().astype(int) - shown).mean() > 1.0
    robot.place(angles)
    np.testing.assert_array_equal(robot.render(), shown)


def test_scenes_differ_by_seed_and_goals_are_tasks():
    first, other = ROBOT.simulator(1), ROBOT.simulator(2)
    other.place(first.positions)
    assert (first.render() != other.render()).any()
    scores = list(run_goals(PROFILE, random_policy(PROFILE, 10.0), 3, 0))
    assert min(score.start_distance_m for score in scores) >= 0.1
    assert all(score.final_heading_deg is None for score in scores)
