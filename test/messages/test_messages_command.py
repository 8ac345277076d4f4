"""Commands: every message type takes the vector to the right fields and gives it back; NaN never gets in."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from message_kinds import KINDS, blank

from wm_ros.messages.command import CommandError, check_command, fill_command, read_command
from wm_ros.messages.stamp import to_ns
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")
TYPES = {
    "std_msgs/msg/Float64MultiArray": ("data[0]", "data[1]"),
    "geometry_msgs/msg/Twist": ("linear.x", "angular.z"),
    "geometry_msgs/msg/TwistStamped": ("twist.linear.x", "twist.angular.z"),
    "trajectory_msgs/msg/JointTrajectory": ("points[0].velocities[0]", "points[0].velocities[1]"),
    "sensor_msgs/msg/JointState": ("velocity[1]", "velocity[0]"),
    # No file of the package knows this one: a profile is enough.
    "geometry_msgs/msg/AccelStamped": ("accel.linear.x", "accel.angular.z"),
}
STAMP = 1_700_000_000_000_000_007


def profile_with(fields):
    action = tuple(replace(part, field=field) for part, field in zip(ARM.action, fields, strict=True))
    return replace(ARM, action=action)


def message_of(kind, name):
    message = blank(kind, name)
    if name.endswith("JointTrajectory"):
        message.points = [blank(kind, "trajectory_msgs/msg/JointTrajectoryPoint")]
    return message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TYPES)
@given(vector=st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2))
@settings(max_examples=30, deadline=None)
def test_round_trip(kind, name, vector):
    profile = profile_with(TYPES[name])
    message = message_of(kind, name)
    check_command(message, profile)
    fill_command(message, np.array(vector), profile, STAMP)
    assert read_command(message, profile).tolist() == list(vector)
    if hasattr(message, "header"):
        assert to_ns(message.header.stamp) == STAMP


def test_fields_land_where_the_profile_says():
    profile = profile_with(TYPES["geometry_msgs/msg/TwistStamped"])
    message = fill_command(blank("rosbags", "geometry_msgs/msg/TwistStamped"), [0.25, -0.5], profile, STAMP)
    assert (message.twist.linear.x, message.twist.angular.z) == (0.25, -0.5)
    assert (message.twist.linear.y, message.twist.angular.x) == (0.0, 0.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["trajectory_msgs/msg/JointTrajectory", "sensor_msgs/msg/JointState"])
def test_messages_with_joint_names_carry_the_profile_s(kind, name):
    profile = profile_with(TYPES[name])
    message = fill_command(message_of(kind, name), [1.0, 2.0], profile, STAMP)
    assert list(getattr(message, "joint_names", None) or message.name) == ["shoulder", "elbow"]


@pytest.mark.parametrize(
    "bad", [[np.nan, 0.0], [0.0, np.inf], [-np.inf, np.nan], [1.0], [1.0, 2.0, 3.0], 1.0]
)
def test_nan_inf_and_wrong_lengths_leave_the_message_untouched(bad):
    message = blank("rclpy", "std_msgs/msg/Float64MultiArray", data=[0.5, 0.5])
    with pytest.raises(CommandError, match="2 finite numbers, got"):
        fill_command(message, np.array(bad), ARM, STAMP)
    assert list(message.data) == [0.5, 0.5]


@pytest.mark.parametrize("bad", ["12", np.ones((2, 1)), None])
def test_what_is_no_row_of_numbers_is_refused(bad):
    message = blank("rclpy", "std_msgs/msg/Float64MultiArray", data=[0.5, 0.5])
    with pytest.raises(CommandError, match="2 finite numbers, got"):
        fill_command(message, bad, ARM, STAMP)
    assert list(message.data) == [0.5, 0.5]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "field", "text"),
    [
        (
            "geometry_msgs/msg/Twist",
            "linear.w",
            "component elbow: message .*Twist.* no number at field 'linear.w'",
        ),
        ("geometry_msgs/msg/Twist", "linear", "not a number"),
        ("geometry_msgs/msg/Twist", "data[0]", "no number at field"),
        ("geometry_msgs/msg/TwistStamped", "header.frame_id", "holds a str, not a number"),
        ("geometry_msgs/msg/Twist", "linear..x", "no path like"),
        ("geometry_msgs/msg/Twist", "__class__", "no path like"),
        ("std_msgs/msg/Float64MultiArray", "data[-1]", "no path like"),
        ("std_msgs/msg/Float64MultiArray", "data[99999999999]", "no path like"),
        ("trajectory_msgs/msg/JointTrajectory", "points[3].velocities[0]", "no number at field"),
    ],
)
def test_fields_the_message_does_not_have_are_named(kind, name, field, text):
    good = TYPES[name][0]
    with pytest.raises(CommandError, match=text):
        check_command(message_of(kind, name), profile_with((good, field)))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("geometry_msgs/msg/Twist", ("linear.x", "linear.x")),
        ("std_msgs/msg/Int32MultiArray", ("data[0]", "data[1]")),
    ],
)
def test_two_components_in_one_field_and_whole_numbers_are_refused(name, fields):
    with pytest.raises(CommandError):
        check_command(blank("rclpy", name), profile_with(fields))


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_or_nan_command_is_an_error_to_the_reader(kind):
    message = blank(kind, "std_msgs/msg/Float64MultiArray")
    message.data = [0.5] if kind == "rclpy" else np.array([0.5])
    with pytest.raises(CommandError, match="component elbow"):
        read_command(message, ARM)
    message.data = [0.5, np.nan] if kind == "rclpy" else np.array([0.5, np.nan])
    with pytest.raises(CommandError, match="NaN"):
        read_command(message, ARM)


def test_rates_cannot_be_read_from_commands_that_are_poses():
    message = blank("rosbags", "geometry_msgs/msg/PoseStamped")
    with pytest.raises(CommandError, match="the commands of franka_pose are poses"):
        read_command(message, load_profile("franka_pose"))


def test_a_bag_with_a_single_pose_as_command_is_video_without_actions_and_says_so(tmp_path):
    pytest.importorskip("rosbags")
    from bag_makers import SECOND, image, write_bag

    from wm_ros.data.load import load_recording

    stamps = [k * SECOND // 10 for k in range(50, 70)]
    poses = [("/target_frame", stamps[0], blank("rosbags", "geometry_msgs/msg/PoseStamped"))]
    bag = write_bag(tmp_path / "bag", [("/image", stamp, image(stamp)) for stamp in stamps] + poses)
    recording = load_recording(bag, load_profile("franka_pose"))
    assert recording.commands is None
    assert len(recording.frames) == 20
    assert any("no targets on /target_frame: its frames count as without" in note for note in recording.notes)
