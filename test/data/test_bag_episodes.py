"""Where an episode of a bag ends, and whose commands it has."""

import numpy as np
import pytest
from bag_makers import ARRAY, COMMANDS, IMAGE, PERIOD, SECOND, frames, held, image, write_bag
from message_kinds import blank

from wm_ros.data.load import load_recording


def test_episodes_end_at_markers_gaps_and_steps_back(tmp_path, profile):
    marker = blank("rosbags", "std_msgs/msg/Int32")
    messages = frames(4)
    messages += [("/episode", messages[-1][1] + 1, marker), *frames(3, start=messages[-1][1] + PERIOD)]
    messages += frames(3, start=messages[-1][1] + 5 * PERIOD)
    last = messages[-1][1]
    messages += [("/image", last + k, image(last - SECOND + k * PERIOD)) for k in range(1, 3)]
    recording = load_recording(write_bag(tmp_path / "bag", messages), profile)
    assert recording.episodes == (slice(0, 4), slice(4, 7), slice(7, 10), slice(10, 12))
    assert recording.notes == ("bag: 2 gaps or jumps of the frames' stamps, each ends an episode",)


def test_cameras_of_different_rates_do_not_cut_each_other_s_episodes(tmp_path, profile):
    fast = write_bag(tmp_path / "fast", frames(60, period=SECOND // 30))
    slow = write_bag(tmp_path / "slow", frames(8, period=SECOND // 5))
    assert load_recording([fast, slow], profile).episodes == (slice(0, 60), slice(60, 68))


def test_a_few_lost_frames_do_not_end_an_episode(tmp_path, profile):
    messages = [message for k, message in enumerate(frames(20)) if k not in (5, 6, 12)]
    assert len(load_recording(write_bag(tmp_path / "bag", messages), profile).episodes) == 1


def test_bags_whose_clocks_overlap_keep_their_own_commands(tmp_path, profile):
    bags = [
        write_bag(tmp_path / name, frames(4) + held(5 * SECOND, 20, rate, 0.0))
        for name, rate in (("a", 0.5), ("b", -0.5))
    ]
    recording = load_recording(bags, profile)
    assert recording.episodes == (slice(0, 4), slice(4, 8))
    actions = recording.actions(recording.clips(2))
    np.testing.assert_allclose(actions[:, 0, 0], [0.5, 0.5, -0.5, -0.5], atol=1e-6)


def test_bags_with_and_without_commands_are_told_apart(tmp_path, profile):
    bags = [
        write_bag(tmp_path / "a", frames(8)),
        write_bag(tmp_path / "b", frames(8) + held(5 * SECOND, 20, 0.5, 0.0)),
        write_bag(tmp_path / "c", frames(8), topics=[(COMMANDS, ARRAY)]),
    ]
    recording = load_recording(bags, profile)
    assert recording.labelled_episodes.tolist() == [1]
    assert recording.actions(recording.clips(2, [1])).any()
    for episode in (0, 2):
        with pytest.raises(ValueError, match=r"no commands .* with these clips"):
            recording.actions(recording.clips(2, [1, episode]))
    assert recording.sources[0] == "a: bag, 8 frames of 4x3 at 10 Hz, 1 episodes, without commands"
    assert [source.rpartition(", ")[2] for source in recording.sources[1:]] == [
        "with commands",
        "without commands",
    ]


def test_a_silent_command_topic_is_not_taken_for_rest(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(5), topics=[(COMMANDS, ARRAY), ("/image", IMAGE)])
    recording = load_recording(bag, profile)
    assert recording.commands is None
    assert "bag: no commands on /joint_velocity_controller/commands" in recording.notes[0]
