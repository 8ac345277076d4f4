"""Targets and measured states become rates: in bags of joint positions and poses, and in LeRobot sets of degrees."""

from dataclasses import replace

import numpy as np
import pytest
from bag_makers import ARRAY, PERIOD, SECOND, command, frames, write_bag
from message_kinds import blank
from transforms3d.euler import euler2quat

from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.data.verdict import beyond_limits, verdicts
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm_position")
BY_STATES = replace(ARM, actions_from="states")
START = 5 * SECOND
TARGETS = "/" + ARM.command.topic
STATES = "/joint_states"
TICK = SECOND // 50


def joint_state(stamp_ns, names, positions):
    message = blank("rosbags", "sensor_msgs/msg/JointState")
    message.name = list(names)
    message.position = np.array(positions, dtype=float)
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, SECOND)
    return message


def path(seconds):
    """Joint positions [N, 2] rad at 50 Hz: known curves, whose rates are their differences."""
    times = np.arange(0.0, seconds, 0.02)
    return np.stack([0.5 * np.sin(1.3 * times), 0.3 - 0.4 * np.cos(1.7 * times)], axis=1)


def expected(recording, positions):
    """Differences of the positions over the model steps of all clips, per second."""
    clips = recording.clips(2)
    at = np.rint((recording.stamps_ns[clips] - START) / TICK).astype(int)
    return clips, (positions[at[:, 1]] - positions[at[:, 0]]) / recording.profile.model_dt


def test_joint_targets_of_a_bag_become_their_differences_over_a_model_step(tmp_path):
    positions = path(4.2)
    told = [(TARGETS, START + k * TICK, command(*row)) for k, row in enumerate(positions)]
    recording = load_recording(write_bag(tmp_path / "bag", [*frames(40), *told]), ARM)
    clips, rates = expected(recording, positions)
    assert len(clips) > 30
    np.testing.assert_allclose(recording.actions(clips)[:, 0], rates, atol=1e-6)
    assert "actions are the rates between targets on joint_position_controller/commands" in recording.notes[0]
    assert verdicts(recording)["controller, goal distance"].startswith(("yes", "no: 1 of 1"))


def test_measured_states_are_taken_where_the_profile_says_so_whatever_the_order_of_the_joints(tmp_path):
    positions = path(4.2)
    states = [
        (STATES, START + k * TICK, joint_state(START + k * TICK, ("elbow", "wheel", "shoulder"), (e, 9.0, s)))
        for k, (s, e) in enumerate(positions)
    ]
    recording = load_recording(write_bag(tmp_path / "bag", [*frames(40), *states]), BY_STATES)
    clips, rates = expected(recording, positions)
    np.testing.assert_allclose(recording.actions(clips)[:, 0], rates, atol=1e-6)
    assert "actions are the rates between measured states on joint_states" in recording.notes[0]


def test_states_of_a_robot_of_velocities_serve_as_well(tmp_path):
    positions = path(2.2)
    states = [
        (STATES, START + k * TICK, joint_state(START + k * TICK, ("shoulder", "elbow"), row))
        for k, row in enumerate(positions)
    ]
    profile = replace(load_profile("arm"), actions_from="states")
    recording = load_recording(write_bag(tmp_path / "bag", [*frames(20), *states]), profile)
    clips, rates = expected(recording, positions)
    np.testing.assert_allclose(recording.actions(clips)[:, 0], rates, atol=1e-6)


def test_poses_of_a_bag_become_velocities_about_the_axes_of_the_base(tmp_path):
    franka = load_profile("franka_pose")
    messages, turn = [], 0.4
    for k in range(210):
        time_s = k * 0.02
        message = blank("rosbags", "geometry_msgs/msg/PoseStamped")
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(START + k * TICK, SECOND)
        pose = message.pose
        pose.position.x, pose.position.y, pose.position.z = 0.4 + 0.1 * time_s, 0.0, 0.3 - 0.05 * time_s
        w, x, y, z = euler2quat(np.pi, 0.0, turn * time_s)  # over the half turn: quaternions change sign
        sign = -1.0 if k % 2 else 1.0
        pose.orientation.w, pose.orientation.x, pose.orientation.y, pose.orientation.z = (
            sign * value for value in (w, x, y, z)
        )
        messages.append(("/target_frame", START + k * TICK, message))
    recording = load_recording(write_bag(tmp_path / "bag", [*frames(40), *messages]), franka)
    actions = recording.actions(recording.clips(2))[:, 0]
    np.testing.assert_allclose(actions, [[0.1, 0.0, -0.05, 0.0, 0.0, turn]] * len(actions), atol=1e-5)


def test_an_episode_does_not_begin_with_the_jump_from_the_one_before(tmp_path):
    marker = blank("rosbags", "std_msgs/msg/Int32")
    first, second = path(2.0), path(2.0) + 1.0
    later = START + 2 * SECOND
    told = [(TARGETS, START + k * TICK, command(*row)) for k, row in enumerate(first)]
    told += [(TARGETS, later + k * TICK, command(*row)) for k, row in enumerate(second)]
    pictures = [*frames(20), *frames(20, start=later)]
    messages = [*pictures, *told, ("/episode", later - 1_000_000, marker)]
    bag = write_bag(tmp_path / "bag", sorted(messages, key=lambda entry: entry[1]))
    recording = load_recording(bag, ARM)
    assert len(recording.episodes) == 2
    assert abs(recording.commands.vectors).max() < 1.0


def test_a_pause_of_the_targets_is_rest_and_said(tmp_path):
    told = [(TARGETS, START + k * TICK, command(0.0, 0.0)) for k in range(50)]
    told += [(TARGETS, START + 3 * SECOND + k * TICK, command(1.0, 1.0)) for k in range(50)]
    recording = load_recording(write_bag(tmp_path / "bag", [*frames(40), *told]), ARM)
    assert not recording.commands.vectors.any()
    assert any("left out 1 motions between places that are too far apart" in note for note in recording.notes)


@pytest.mark.parametrize(
    ("scale", "unit", "looks"),
    [
        (180.0 / np.pi, "rad", "a position in degrees or in percent"),
        (1.0, "deg", "a position in radians or metres"),
        (2.05, "deg", "normalised values"),
        (2000.0, "rad", "counts of an encoder"),
    ],
)
def test_targets_in_another_unit_are_refused_for_the_controller_with_the_likely_kind(
    tmp_path, scale, unit, looks
):
    parts = [replace(part, target=replace(part.target, **ranged(part.target, unit))) for part in ARM.action]
    profile = replace(ARM, action=tuple(parts))
    rows = np.clip(path(4.2) * scale, *((-1.0, 1.0) if scale == 2.05 else (-np.inf, np.inf)))
    told = [(TARGETS, START + k * TICK, command(*row)) for k, row in enumerate(rows)]
    recording = load_recording(write_bag(tmp_path / "bag", [*frames(40), *told]), profile)
    assert looks in beyond_limits(recording)
    assert "Mend the unit in the profile" in beyond_limits(recording)


def ranged(target, unit):
    scale = 180.0 / np.pi if unit == "deg" else 1.0
    return {"unit": unit, "min": target.min * scale, "max": target.max * scale}


def test_velocities_that_are_positions_are_refused_with_the_way_to_say_so(tmp_path):
    arm = load_profile("arm")
    rows = 3.0 * np.stack([np.sin(np.arange(200) / 30.0), np.cos(np.arange(200) / 30.0)], axis=1)
    told = [
        ("/joint_velocity_controller/commands", START + k * TICK, command(*row)) for k, row in enumerate(rows)
    ]
    recording = load_recording(write_bag(tmp_path / "bag", [*frames(38), *told]), arm)
    assert "as joint positions in radians do" in beyond_limits(recording)
    assert "kind: position, with a target" in beyond_limits(recording)


def test_a_state_topic_of_another_type_is_told(tmp_path):
    wrong = [(STATES, START + k * TICK, blank("rosbags", ARRAY)) for k in range(9)]
    bag = write_bag(tmp_path / "bag", [*frames(9), *wrong])
    with pytest.raises(RecordingError, match=r"/joint_states is std_msgs/msg/Float64MultiArray, but profile"):
        load_recording(bag, BY_STATES)


def test_a_bag_without_states_is_video_and_says_which_topic_was_missing(tmp_path):
    told = [(TARGETS, START + k * PERIOD, command(0.0, 0.0)) for k in range(9)]
    recording = load_recording(write_bag(tmp_path / "bag", [*frames(9), *told]), BY_STATES)
    assert recording.commands is None or not len(recording.labelled_episodes)


def test_a_set_in_degrees_and_percent_becomes_rates_in_si(tmp_path):
    for module in ("av", "pyarrow"):
        pytest.importorskip(module)
    from video_makers import greys, write_lerobot

    so101 = load_profile("so101_position")
    times = np.arange(40) * 0.1
    degrees = np.stack(
        [10.0 * joint + 20.0 * np.sin((0.5 + 0.1 * joint) * times) for joint in range(5)], axis=1
    )
    percent = 50.0 + 30.0 * np.sin(times)[:, None]
    rows = np.hstack([degrees, percent])
    root = write_lerobot(tmp_path / "set", "v3.0", [greys(40)], [rows], so101.names)
    recording = load_recording(root, so101)
    clips = recording.clips(2)
    at = np.rint(recording.stamps_ns[clips] / 1e8).astype(int)
    at -= at.min()
    per_second = (rows[at[:, 1]] - rows[at[:, 0]]) / so101.model_dt
    per_second *= np.array([*[np.pi / 180.0] * 5, 0.01])
    np.testing.assert_allclose(recording.actions(clips)[:, 0], per_second, atol=1e-5)
    assert beyond_limits(recording) == ""
    radians = write_lerobot(tmp_path / "radians", "v3.0", [greys(40)], [rows * np.pi / 180.0], so101.names)
    assert "it looks like a position in radians" in beyond_limits(load_recording(radians, so101))


def test_a_set_without_poses_is_refused_with_what_to_do(tmp_path):
    for module in ("av", "pyarrow"):
        pytest.importorskip(module)
    from video_makers import greys, write_lerobot

    root = write_lerobot(tmp_path / "set", "v3.0", [greys(20)], [np.zeros((20, 6))], tuple("abcdef"))
    with pytest.raises(
        RecordingError, match=r"takes poses, found as action or .* it has action \(a, b, c, d, e, f\)"
    ):
        load_recording(root, load_profile("franka_pose"))
