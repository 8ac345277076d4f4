"""Every packaged profile drives a driver of its message type through the guard, and stops it."""

import numpy as np
import pytest
from target_rigs import rig_of

from wm_ros.messages.stamp import to_ns
from wm_ros.nodes.guard_node import GuardNode
from wm_ros.resources import share_dir
from wm_ros.robots.profile import load_profile

FOLDER = share_dir() / "config" / "robots"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
KINDS = {
    "arm": "std_msgs/msg/Float64MultiArray",
    "arm_position": "std_msgs/msg/Float64MultiArray",
    "arm_two_cameras": "std_msgs/msg/Float64MultiArray",
    "diff_drive": "geometry_msgs/msg/TwistStamped",
    "diff_drive_unstamped": "geometry_msgs/msg/Twist",
    "rover": "geometry_msgs/msg/TwistStamped",
    "droid": "geometry_msgs/msg/TwistStamped",
    "recon": "geometry_msgs/msg/TwistStamped",
    "franka": "trajectory_msgs/msg/JointTrajectory",
    "franka_pose": "geometry_msgs/msg/PoseStamped",
    "franka_trajectory": "trajectory_msgs/msg/JointTrajectory",
    "franka_twist": "geometry_msgs/msg/TwistStamped",
    "franka_velocity": "std_msgs/msg/Float64MultiArray",
    "pusht": "std_msgs/msg/Float64MultiArray",
    "pusht_distractor": "std_msgs/msg/Float64MultiArray",
    "pusher": "std_msgs/msg/Float64MultiArray",
    "reacher": "std_msgs/msg/Float64MultiArray",
    "so101": "trajectory_msgs/msg/JointTrajectory",
    "so101_position": "std_msgs/msg/Float64MultiArray",
    "so101_sim": "std_msgs/msg/Float64MultiArray",
    "so101_sim_position": "std_msgs/msg/Float64MultiArray",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_robot_of_this_kind_is_driven_within_its_limits_and_stopped(ros, name):
    profile = load_profile(name)
    assert profile.command.type == KINDS[name]
    rig = rig_of(ros, profile)
    ros.start(
        GuardNode,
        {
            "autostart": True,
            "enable_control": True,
            "profile": str(FOLDER / f"{name}.yaml"),
            "stop_hold_s": 0.2,
        },
    )
    fastest = np.where(np.arange(len(profile.action)) % 2, profile.low, profile.high)
    rig.move(
        rig.wanted if profile.kind == "position" else fastest
    )  # joints soon come to the end of their range
    rig.call("stop")
    rig.until_silent()
    rig.check_stop(hold_s=0.2)
    last = rig.messages[-1]
    if hasattr(last, "header"):
        assert abs(to_ns(last.header.stamp) - ros.node.get_clock().now().nanoseconds) < 60e9
    if hasattr(last, "joint_names"):
        assert tuple(last.joint_names) == profile.names


@pytest.mark.parametrize("name", NAMES)
def test_the_file_tells_about_the_robot_s_own_timeout(name):
    """The guard's process can die: then only the robot itself can stop the robot."""
    assert (
        "timeout"
        in "".join(
            line.partition("#")[2]
            for line in (FOLDER / f"{name}.yaml").read_text().splitlines()
            if "#" in line
        )
        or "stops by itself" in (FOLDER / f"{name}.yaml").read_text()
    )


def test_stamped_and_unstamped_drive_differ_in_the_message_only():
    stamped, plain = load_profile("diff_drive").to_dict(), load_profile("diff_drive_unstamped").to_dict()
    for part in stamped["action"]:
        part["field"] = part["field"].removeprefix("twist.")
    stamped["command"]["type"] = stamped["command"]["type"].removesuffix("Stamped")
    assert stamped == plain
