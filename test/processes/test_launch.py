"""The launch files, started by ROS's own launch."""

import pytest

pytest.importorskip(
    "launch_pytest", reason="there is no wheel of launch: runs with a ROS 2 from apt, after colcon build"
)
pytest.importorskip("torch")
pytest.importorskip("mujoco")

import os
import signal
from importlib.util import find_spec

import launch_pytest
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from camera_harness import Camera, Goals, picture
from checkpoint_harness import write_checkpoint
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessExit, OnProcessStart
from launch.launch_description_sources import PythonLaunchDescriptionSource
from lifecycle_msgs.srv import GetState
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from wm_ros.resources import share_dir
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim

try:
    get_package_prefix("wm_ros")
except PackageNotFoundError:
    pytest.skip(
        "launch finds installed executables only: colcon build and source it", allow_module_level=True
    )

exits: list[tuple[str, int]] = []
pids: list[tuple[str, int]] = []


def launched(name, **arguments) -> LaunchDescription:
    """A launch file with arguments; `exits` fills with names and codes of what has ended, `pids` with what began."""
    exits.clear()
    pids.clear()
    path = str(share_dir() / "launch" / f"{name}.launch.py")
    note = OnProcessExit(on_exit=lambda event, _: exits.append((event.process_name, event.returncode)))
    begun = OnProcessStart(on_start=lambda event, _: pids.append((event.process_name, event.pid)))
    include = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path), launch_arguments=arguments.items()
    )
    return LaunchDescription([RegisterEventHandler(note), RegisterEventHandler(begun), include])


@pytest.fixture
def checkpoint(tmp_path):
    return write_checkpoint(tmp_path / "checkpoint", load_profile("arm"))


@launch_pytest.fixture
def demo(domain, checkpoint):
    return launched("demo", namespace="left", checkpoint=checkpoint)


@launch_pytest.fixture
def replay(domain, checkpoint, tmp_path):
    bag = tmp_path / "bag"
    record_sim(load_profile("arm"), bag, episodes=1, seconds=3.0)
    return launched("replay", bag=str(bag), checkpoint=checkpoint, enable_control="true")


@launch_pytest.fixture
def live(domain, checkpoint):
    return launched("live", checkpoint=checkpoint, enable_control="true")


def await_active(ros, *names):
    for name in names:
        ros.until(
            lambda name=name: ros.call(GetState, f"{name}/get_state").current_state.label == "active",
            f"{name} to be active",
        )


@pytest.mark.launch(fixture=demo)
def test_demo_comes_up_in_its_namespace_and_leaves_in_order(ros, demo):
    frames = ros.collect(Image, "/left/image", qos_profile_sensor_data)
    await_active(ros, "/left/pipeline", "/left/guard")
    ros.until(lambda: frames, "a camera image")
    yield
    assert sorted(code for _, code in exits) == [0, 0, 0]


@pytest.mark.skipif(
    find_spec("ros2bag") is None,
    reason="replay.launch.py plays with ros2bag: install ros-<distro>-ros2bag",
)
@pytest.mark.launch(fixture=replay)
def test_replay_plays_the_camera_to_the_pipeline_and_no_command_to_a_robot(ros, replay):
    latents = ros.collect(Image, "latent", 10)
    commands = ros.collect(Float64MultiArray, "joint_velocity_controller/commands", 10)
    await_active(ros, "pipeline", "guard")
    assert ros.call(
        GetParameters, "guard/get_parameters", GetParameters.Request(names=["enable_control"])
    ).values == [ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=False)]
    ros.until(lambda: any(name.startswith("bag") for name, _ in exits), "the end of the bag")
    assert latents
    assert not commands


@pytest.mark.launch(fixture=live)
def test_a_pipeline_that_dies_comes_back_and_the_robot_waits_for_start(ros, live):
    camera, goals = Camera(ros), Goals(ros)
    seeds = iter(range(100_000))
    ros.node.create_timer(0.05, lambda: camera.send(picture(next(seeds))))
    goals.send(3)
    plans = ros.collect(JointTrajectory, "plan", 10)
    commands = ros.collect(Float64MultiArray, "joint_velocity_controller/commands", 1000)
    await_active(ros, "/pipeline", "/guard")

    def moving():
        if not commands:
            ros.call(Trigger, "/guard/start")
        return commands and any(commands[-1].data)

    ros.until(moving, "the robot to move")
    (pipeline,) = [pid for name, pid in pids if name.startswith("pipeline")]
    os.kill(pipeline, signal.SIGKILL)
    ros.until(lambda: not any(commands[-1].data), "standstill")
    stopped, planned = len(commands), len(plans)
    ros.until(lambda: len(plans) > planned + 10, "plans of the new pipeline")
    assert [name.rstrip("-0123456789") for name, _ in pids].count("pipeline_node") == 2
    assert not any(any(command.data) for command in commands[stopped:])
    assert ros.call(Trigger, "/guard/start").success
    ros.until(lambda: any(commands[-1].data), "the robot to move again")
