"""One bag of the embedded arm for all trainings here."""

from importlib.util import find_spec

import pytest

if not all(map(find_spec, ("torch", "mujoco", "rosbags"))):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def bag(tmp_path_factory):
    from training_harness import ARM, EPISODES, SECONDS

    from wm_ros.tasks.record import record_sim

    path = tmp_path_factory.mktemp("recorded") / "bag"
    record_sim(ARM, path, episodes=EPISODES, seconds=SECONDS)
    return path


@pytest.fixture(scope="session")
def recording(bag):
    from training_harness import ARM

    from wm_ros.data.load import load_recording

    return load_recording(bag, ARM)


@pytest.fixture
def short_probe(monkeypatch):
    from wm_ros.training import scores

    monkeypatch.setattr(scores, "PROBE_STEPS", 20)
