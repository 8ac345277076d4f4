"""The true state at every frame of bags, whose times may have been shifted apart."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("rosbags")

from video_makers import write_video

from wm_ros.data.bag_messages import Bag
from wm_ros.data.frame_states import frame_states
from wm_ros.data.load import load_recording
from wm_ros.messages.state import read_state
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim

ARM = load_profile("arm")


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    """Two bags that were recorded at the same time of their clocks."""
    folder = tmp_path_factory.mktemp("bags")
    for seed, name in enumerate(("one", "two")):
        record_sim(ARM, folder / name, episodes=2, seconds=1.2, seed=seed)
    return [folder / "one", folder / "two"]


def test_every_frame_has_the_state_of_its_own_bag_at_its_time(bags):
    recording = load_recording(bags, ARM)
    assert recording.parts[1].shift_ns > 0
    states, why_not = frame_states(recording, bags, "header")
    assert why_not == ""
    assert states.shape == (len(recording.frames), 2)
    for path, part in zip(bags, recording.parts, strict=True):
        messages = [message for _, _, message in Bag(path).messages(["/joint_states"])]
        stamps = np.array([m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in messages])
        values = np.stack([read_state(message, ARM) for message in messages])
        for stamp, state in zip(
            recording.stamps_ns[part.frames] - part.shift_ns, states[part.frames], strict=True
        ):
            assert (values[np.abs(stamps - stamp).argmin()] == state).all()


def test_where_states_are_not_known_the_reason_is_told(bags, tmp_path):
    recording = load_recording(bags, ARM)
    assert frame_states(recording, bags[:1], "header") == (None, "states are read from bags alone")
    video = write_video(tmp_path / "somebody.mp4", np.zeros((4, 16, 16, 3), np.uint8))
    assert frame_states(recording, [video], "header") == (
        None,
        "somebody.mp4 is no bag, and has no state topic",
    )
    blind = replace(recording, profile=replace(ARM, state=None))
    assert frame_states(blind, bags, "header") == (None, "profile arm names no state topic")
