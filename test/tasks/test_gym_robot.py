"""Any Gymnasium environment that shows pictures and takes a Box is a robot; of any other it is said what to do."""

import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")
pytest.importorskip("gymnasium", reason="the extra `tasks` is not installed")
from patience import WAIT_S

from wm_ros.data.bag_messages import Bag
from wm_ros.data.load import load_recording
from wm_ros.robots.profile import ProfileError, load_profile, profile_from_dict
from wm_ros.tasks.lockstep import random_policy, run_goals
from wm_ros.tasks.record import record_sim
from wm_ros.tasks.simulated import simulated

COMPONENT = {"unit": "m/s", "min": -0.5, "max": 0.5, "max_acceleration": 50.0, "max_jerk": 1e4}


def profile_of(env, **changes):
    """A robot with one action for an environment."""
    data = {
        "name": "slider",
        "camera": {"noise": False},
        "command": {
            "topic": "commands",
            "type": "std_msgs/msg/Float64MultiArray",
            "rate_hz": 10.0,
            "timeout_s": 0.25,
        },
        "state": {"topic": "joint_states", "type": "sensor_msgs/msg/JointState"},
        "simulator": {"env": env},
        "model": {"rate_hz": 5.0},
        "action": [{"name": "along", "field": "data[0]", **COMPONENT}],
    }
    return profile_from_dict({**data, **changes})


SLIDER = profile_of("odd_environments:odd/Slider-v0")


def test_an_unknown_environment_is_recorded_with_what_it_observes(tmp_path):
    record_sim(SLIDER, tmp_path / "bag", episodes=3, seconds=4.0, seed=1)
    recording = load_recording(tmp_path / "bag", SLIDER)
    assert len(recording.episodes) == 3
    assert recording.frames.shape[1:] == (64, 64, 3)
    states = [m.message for m in Bag(tmp_path / "bag").messages(["/joint_states"])]
    assert set(states[0].name) == {"along"}
    first = recording.episodes[1]
    places = np.array([state.position[0] for state in states])[first.start : first.stop]
    shown = recording.frames[first.start : first.stop, 32, :, 0].astype(float)
    seen = (shown * np.arange(64)).sum(axis=1) / shown.sum(axis=1)
    assert np.ptp(places) > 0.1
    assert np.corrcoef(places, seen)[0, 1] > 0.99


def test_the_state_is_the_sum_of_the_commands_and_the_end_of_an_episode_is_ignored():
    robot = simulated(SLIDER).simulator(3)
    before = robot.positions
    for _ in range(400):
        robot.step(np.array([0.2]), 0.1)
    assert robot.positions - before == pytest.approx(400 * 0.1 * 0.2, abs=1e-5)
    assert robot.time_s == pytest.approx(40.0)
    robot.reset(3)
    assert (robot.positions, robot.time_s) == (before, 0.0)
    assert simulated(SLIDER).simulator(4).positions != before


def test_pictures_have_the_size_of_the_profile():
    small = profile_of("odd_environments:odd/Slider-v0", simulator={"env": "odd/Slider-v0", "size": 96})
    assert simulated(small).simulator().render().shape == (96, 96, 3)
    assert simulated(small).simulator(0, 40, 30).render().shape == (30, 40, 3)
    with pytest.raises(
        ProfileError, match=r"simulator.size must be a whole number of pixels in \[8, 1280\], got 4"
    ):
        profile_of("odd/Slider-v0", simulator={"env": "odd/Slider-v0", "size": 4})
    with pytest.raises(ProfileError, match=r"simulator.distractor must be true or false, got 1"):
        profile_of("odd/Slider-v0", simulator={"env": "odd/Slider-v0", "distractor": 1})


def test_a_step_that_commands_do_not_fill_is_refused():
    robot = simulated(SLIDER).simulator()
    with pytest.raises(ValueError, match=r"duration 0.05 s must be a positive multiple of 0.1 s"):
        robot.step(np.zeros(1), 0.05)


def test_an_environment_without_known_goals_says_what_would_give_it_some():
    with pytest.raises(ProfileError, match=r"no goals are known for .*Slider.* in a file of wm_ros/tasks"):
        next(run_goals(SLIDER, random_policy(SLIDER, 10.0), 1, 0))
    with pytest.raises(ProfileError, match=r"no goals are known for .*Slider"):
        simulated(SLIDER).simulator().place(np.zeros(1))


TWO = [{"name": name, "field": f"data[{i}]", **COMPONENT} for i, name in enumerate(("along", "up"))]


@pytest.mark.parametrize(
    ("env", "changes", "said"),
    [
        (
            "Blind",
            {},
            r"shows no pictures: its render modes are \['human'\].*Take an environment that has it",
        ),
        ("Faint", {}, r"renders float64 \(100, 100, 3\), and must"),
        ("Hurried", {}, r"metadata need `render_fps`"),
        ("Named", {}, r"takes Dict\(.*one Box of numbers.*TransformAction"),
        ("Plural", {}, r"takes 3 numbers, but profile slider has 1 action components \(along\): give one"),
        ("Slider", {"action": TWO}, r"takes 1 numbers, but profile slider has 2"),
        ("Gentle", {}, r"takes -0.1 to 0.1 where profile slider allows along -0.5 to 0.5: keep min and max"),
        ("Watchful", {}, r"observes dict, .*FlattenObservation"),
        (
            "Slider",
            {"state": {"topic": "s", "type": "sensor_msgs/msg/JointState", "names": ["a", "b"]}},
            r"has 1 numbers, but profile slider names 2 \(a, b\): name them in state.names",
        ),
        (
            "Missing",
            {},
            r"odd/Missing-v0 is not installed .*pip install 'wm_ros\[tasks\]'; or write MODULE:odd",
        ),
    ],
)
def test_an_environment_that_cannot_be_a_robot_is_told_so_with_the_fix(env, changes, said, tmp_path):
    with pytest.raises(ProfileError, match=said):
        record_sim(profile_of(f"odd_environments:odd/{env}-v0", **changes), tmp_path / "bag", 1, 1.0)


@pytest.mark.parametrize("missing", ["gymnasium", "gym_pusht", "pymunk"])
def test_a_missing_extra_is_named(missing, tmp_path):
    if missing == "pymunk":
        pytest.importorskip("gym_pusht")
    code = f"import sys; sys.modules[{missing!r}] = None; from wm_ros.cli import main; main()"
    arguments = ["record", "--sim", "--profile", "pusht", "--out", str(tmp_path / "bag"), "--episodes", "1"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=WAIT_S
    )
    assert done.returncode == 1
    assert re.search(
        r"gym_pusht/PushT-v0 is not installed .*wm_ros\[tasks\]' and pip install --no-deps gym-pusht",
        " ".join(done.stderr.split()),
    )
    assert "Traceback" not in done.stderr


def test_the_environment_goes_into_the_card_and_comes_back():
    assert profile_from_dict(load_profile("pusht").to_dict()) == load_profile("pusht")
    assert "simulator" not in load_profile("arm").to_dict()
    assert load_profile("arm").to_dict()["state"] == {
        "topic": "joint_states",
        "type": "sensor_msgs/msg/JointState",
    }


@pytest.mark.parametrize("names", ["agent", ["a", "a"], [""], [3]])
def test_names_of_a_state_must_be_different_texts(names):
    with pytest.raises(ProfileError, match=r"state\.names"):
        profile_of(
            "odd/Slider-v0", state={"topic": "s", "type": "sensor_msgs/msg/JointState", "names": names}
        )
