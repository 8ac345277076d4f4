"""A simulated robot as its driver would show it: camera, joint states or odometry, velocity commands, a reset.

A plain node without a lifecycle: a robot's driver is up when its process is. It never sees a goal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from wm_ros.messages.command import CommandError, read_command, read_targets
from wm_ros.messages.image import fill_image
from wm_ros.messages.stamp import fill_stamp
from wm_ros.messages.state import fill_state
from wm_ros.messages.views import split
from wm_ros.printable import printable
from wm_ros.robots.components import Camera
from wm_ros.robots.profile import load_profile
from wm_ros.ros.message_class import message_class
from wm_ros.ros.parameters import Parameter, declare
from wm_ros.ros.process import run
from wm_ros.ros.qos import COMMAND, RELIABILITY_CHOICES, image_qos
from wm_ros.tasks.driver import make_driver
from wm_ros.tasks.simulated import simulated

STATE_PERIOD_NS = 20_000_000
FIRST_SIMULATED_NS = 1_000_000_000  # ROS takes 0 for "no time yet"
CAMERA_FRAME = "camera"

PARAMETERS = (
    Parameter(
        "profile",
        "arm",
        "Profile of the robot to be: its topics, types and timeout are served.",
        read_only=True,
    ),
    Parameter("seed", 0, "Scene and start pose; a new value takes effect at ~/reset.", range=(0, 2**31 - 1)),
    Parameter(
        "image_width",
        0,
        "Camera image, pixels; 0: as the robot is recorded.",
        range=(0, 1280),
        read_only=True,
    ),
    Parameter(
        "image_height",
        0,
        "Camera image, pixels; 0: as the robot is recorded.",
        range=(0, 1280),
        read_only=True,
    ),
    Parameter(
        "image_rate_hz", 10.0, "Camera frames per second of ROS time.", range=(0.1, 50.0), read_only=True
    ),
    Parameter(
        "image_reliability",
        "best_effort",
        "Reliability of the camera's topic.",
        choices=RELIABILITY_CHOICES,
        read_only=True,
    ),
    Parameter("image_depth", 1, "Queue of the camera's topic.", range=(1, 100), read_only=True),
    Parameter(
        "time_factor",
        1.0,
        "Simulated seconds per second. Other than 1, /clock is published: give all nodes use_sim_time.",
        range=(0.1, 20.0),
        read_only=True,
    ),
)


class SimNode(Node):
    """Publishes each camera's `image` and `camera_info` and the profile's state; takes commands; serves `~/reset`.

    Time in the simulation follows the steady clock, so it neither drifts nor loses motion to a late timer.
    Stamps are the moment of exposure: the state that was rendered existed then.
    """

    def __init__(self, **node_options: Any):
        super().__init__("sim", **node_options)
        declare(self, PARAMETERS)
        value = {parameter.name: self.get_parameter(parameter.name).value for parameter in PARAMETERS}
        for parameter in PARAMETERS:
            parameter.check(value[parameter.name])
        self._profile = profile = load_profile(value["profile"])
        state = profile.required_state
        self._factor = value["time_factor"]
        robot = simulated(profile)
        width, height = (value[f"image_{side}"] or robot.size for side in ("width", "height"))
        self._robot = robot.simulator(value["seed"], width, height)
        self._driver = make_driver(profile, self._robot)
        self._read = read_command if profile.kind == "velocity" else read_targets
        self._started_ns = time.monotonic_ns()
        self._image_period_ns = round(1e9 / value["image_rate_hz"])
        self._next_image_ns = 0
        self._shown_ns = -1
        qos = image_qos(value["image_reliability"], value["image_depth"])
        self._images = [self.create_publisher(Image, camera.topic, qos) for camera in profile.cameras]
        self._infos = [
            self.create_publisher(CameraInfo, _info_topic(camera), 1) for camera in profile.cameras
        ]
        self._state_type = message_class(state.type)
        self._states: Publisher[Any] = self.create_publisher(self._state_type, state.topic, 10)
        self._clocks = None if self._factor == 1.0 else self.create_publisher(ClockMessage, "/clock", 10)
        command = message_class(profile.command.type)
        self.create_subscription(command, profile.command.topic, self._on_command, COMMAND)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.create_timer(
            STATE_PERIOD_NS * 1e-9 / self._factor, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _elapsed_ns(self) -> int:
        return round((time.monotonic_ns() - self._started_ns) * self._factor)

    def _tick(self) -> None:
        stamp_ns = self._advance()
        if self._clocks is not None:
            message = ClockMessage()
            fill_stamp(message.clock, stamp_ns)
            self._clocks.publish(message)
        now_ns = self._driver.time_ns
        if now_ns == self._shown_ns:
            return  # a simulator with long steps: nothing new to tell
        self._shown_ns = now_ns
        self._publish_state(stamp_ns)
        # Timers come a little early or late: the nearest tick takes the picture; missed ones are not made up.
        if now_ns + STATE_PERIOD_NS // 2 >= self._next_image_ns:
            late = max(now_ns - self._next_image_ns, 0) // self._image_period_ns
            self._next_image_ns += (late + 1) * self._image_period_ns
            self._publish_image(stamp_ns)

    def _advance(self) -> int:
        """Move on to now; returns the ROS time of the state reached."""
        ros_ns, elapsed_ns = self.get_clock().now().nanoseconds, self._elapsed_ns()
        reached_ns = self._driver.advance(elapsed_ns)
        if self._clocks is not None:
            return FIRST_SIMULATED_NS + reached_ns
        return ros_ns - (elapsed_ns - reached_ns)

    def _publish_state(self, stamp_ns: int) -> None:
        positions, velocities = self._robot.positions, self._robot.velocities
        message = fill_state(self._state_type(), self._profile, positions, velocities, stamp_ns)
        self._states.publish(message)

    def _publish_image(self, stamp_ns: int) -> None:
        cameras = self._profile.cameras
        views = split(self._robot.render(), len(cameras))
        for camera, view, images, infos in zip(cameras, views, self._images, self._infos, strict=True):
            image = Image()
            fill_stamp(image.header.stamp, stamp_ns)
            image.header.frame_id = camera.name or CAMERA_FRAME
            images.publish(fill_image(image, view))
            infos.publish(self._info(image))

    def _info(self, image: Image) -> CameraInfo:
        info = CameraInfo(header=image.header, width=image.width, height=image.height)
        focal, x, y = self._robot.focal_px, image.width / 2.0, image.height / 2.0
        if not focal:  # a camera without calibration, as the message has it
            return info
        info.distortion_model = "plumb_bob"
        info.d = [0.0] * 5
        info.k = [focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0]
        info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        info.p = [focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0]
        return info

    def _on_command(self, message: Any) -> None:
        try:
            command = self._read(message, self._profile)
        except CommandError as error:
            self.get_logger().warning(printable(f"command ignored: {error}"), throttle_duration_sec=1.0)
            return
        self._driver.command(command, self._elapsed_ns())

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        seed = self.get_parameter("seed").value
        self._driver.halt()
        self._robot.reset(seed)
        response.success = True
        response.message = f"scene and start pose of seed {seed}"
        return response

    def _on_set_parameters(self, changes: Sequence[Any]) -> SetParametersResult:
        table = {parameter.name: parameter for parameter in PARAMETERS}
        for change in changes:
            if change.name not in table:
                continue
            if table[change.name].read_only:
                reason = f"parameter {change.name} is read at start: restart the node to change it"
                return SetParametersResult(successful=False, reason=reason)
            try:
                table[change.name].check(change.value)
            except ValueError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def _info_topic(camera: Camera) -> str:
    """Beside the pictures of one of several cameras, as drivers do."""
    return f"{camera.topic.rpartition('/')[0]}/camera_info".lstrip("/") if camera.name else "camera_info"


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of the executable `sim_node`."""
    return run(SimNode, args)


if __name__ == "__main__":
    sys.exit(main())
