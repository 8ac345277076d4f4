"""What a fault round needs around it: real pipeline, real guard, a camera, a goal, a heartbeat, a clock, a robot."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.clock import Clock, ClockType
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import Image
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.image import fill_image
from wm_ros.robots.profile import load_profile
from wm_ros.ros.graph_client import GraphClient, NodeError
from wm_ros.ros.qos import LATCHED, PLAN, STOP
from wm_ros.runs.child_processes import ChildProcesses
from wm_ros.runs.faults.camera import Camera, random_picture
from wm_ros.runs.faults.command_recorder import CommandRecorder
from wm_ros.runs.faults.following_robot import FollowingRobot
from wm_ros.runs.faults.processes import Pipeline
from wm_ros.runs.guard_client import GuardClient

CAMERA_S, HEARTBEAT_S, CLOCK_S = 0.05, 0.05, 0.01
SIMULATED_NS = 1_000_000_000_000  # far enough from 0 for jumps back
# Waiting is patient, since only what the guard does is judged: a busy machine may take its time for the rest.
PATIENCE_S, STILL_S, QUIET_S = 60.0, 15.0, 0.15
FAR_RAD, STATE_AGE_S = 1e3, 0.3
PATIENCE_SHARE = 0.3  # of the top speed
# Fewer candidates than for driving well: here it only matters that plans come, and how old they are.
PLANNER = {
    "planner.batch_size": 16,
    "planner.elites": 4,
    "planner.iteration_count": 1,
    "planner.rate_hz": 20.0,
}
GUARD = {"autostart": True, "enable_control": True, "stop_hold_s": 0.2}


class Rig:
    """A context manager: everything is up and plans come when it is entered.

    simulated_time: the rig publishes `/clock`, and everybody lives by it. robot: its profile, `arm` for velocities, or
    `arm_position`.
    """

    def __init__(self, folder: Path, simulated_time: bool, seed: int, robot: str = "arm") -> None:
        data = load_profile(robot).to_dict()
        data["camera"]["noise"] = True
        for part in data["action"]:
            if "target" in part:  # nobody drives it back from the ends of its range
                part["target"] |= {"min": -FAR_RAD, "max": FAR_RAD}
        if "leash" in data["command"]:  # the robot is of this process, which waits on a busy machine
            data["command"]["leash"]["max_age_s"] = STATE_AGE_S
        profile = folder / "robot.yaml"
        profile.write_text(yaml.safe_dump(data), encoding="utf-8")
        self.profile = load_profile(profile)
        self._simulated_time, self._seed = simulated_time, seed
        both = {"profile": str(profile), "use_sim_time": simulated_time}
        self._guard_parameters = {**GUARD, **both}
        self.pipeline = Pipeline({"autostart": True, **PLANNER, **both}, folder / "pipeline_node.log")
        self._processes = ChildProcesses(folder)
        self._client = GraphClient("fault_rounds")
        self.heartbeat_on = self.clock_runs = True
        self._last_s = time.monotonic()
        self._simulated_ns = SIMULATED_NS
        self._plan_s = 0.0

    def __enter__(self) -> Rig:
        self.pipeline.__enter__()
        self._processes.__enter__()
        self._client.__enter__()
        try:
            self._open()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if hasattr(self, "camera"):
            self.camera.close()
        self._client.__exit__(kind, error, trace)
        self._processes.__exit__(kind, error, trace)
        self.pipeline.__exit__(kind, error, trace)

    def _open(self) -> None:
        node = self._client.node
        self.guard = GuardClient(self._client)
        if self.profile.kind == "position":
            self.robot = FollowingRobot(node, self.profile, self.now_ns)
            self.commands = CommandRecorder(node, self.profile, lambda: self.robot.reported)
        else:
            self.commands = CommandRecorder(node, self.profile)
        self.camera = Camera(self.profile.camera.topic, self._seed)
        node.create_subscription(JointTrajectory, "plan", self._on_plan, PLAN)
        self.plans = node.create_publisher(JointTrajectory, "plan", PLAN)
        self.stops = node.create_publisher(Bool, "stop", STOP)
        self._goals = node.create_publisher(Image, "goal_image", LATCHED)
        self._goals.publish(fill_image(Image(), random_picture(self._seed + 1)))
        self._clocks = node.create_publisher(ClockMessage, "/clock", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(CAMERA_S, lambda: self.camera.publish(self.now_ns()), clock=steady)
        node.create_timer(HEARTBEAT_S, self._beat, clock=steady)
        if self._simulated_time:
            node.create_timer(CLOCK_S, self._tick, clock=steady)
        self.start_guard()
        self.await_plans()
        self.require_alone()

    def require_alone(self) -> None:
        """NodeError when somebody else speaks to our robot: its commands would not be our guard's."""
        others = self._client.node.count_publishers(self.profile.command.topic) - 1
        if others > 0:
            raise NodeError(
                f"others publish {self.profile.command.topic} on this ROS_DOMAIN_ID: choose another --domain"
            )

    def now_ns(self) -> int:
        """ROS time, as everybody here has it."""
        return self._simulated_ns if self._simulated_time else time.time_ns()

    def jump(self, seconds: float) -> None:
        """Simulated time is another one from now on."""
        self._simulated_ns += round(seconds * 1e9)
        self._tick()

    def spin(self, seconds: float) -> None:
        self._client.spin_for(seconds)

    def start_guard(self) -> None:
        """Start the guard's process and wait until it can be armed."""
        self._client.status.pop("guard", None)
        self._processes.start("guard_node", self._guard_parameters)
        self._client.await_active(["guard"], PATIENCE_S)

    def signal_guard(self, number: int) -> None:
        os.kill(self._processes.pid("guard_node"), number)

    def await_guard_gone(self) -> None:
        self._client.until(
            lambda: self._processes.code("guard_node") is not None, "the guard to leave", STILL_S
        )

    def change_guard(self, transition: str) -> Any:
        """Ask for a lifecycle transition; the answer's future."""
        request = ChangeState.Request()
        request.transition.label = transition
        return self._ask(ChangeState, "guard/change_state", request)

    def set_guard(self, name: str, value: float) -> None:
        """Set a parameter of the running guard."""
        number = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
        request = SetParameters.Request(parameters=[Parameter(name=name, value=number)])
        done = self._ask(SetParameters, "guard/set_parameters", request)
        self.until(done.done, f"{name} to be set")

    def until(self, condition: Any, what: str, timeout_s: float = PATIENCE_S) -> Any:
        return self._client.until(condition, what, timeout_s)

    def await_plans(self) -> None:
        """Wait for a plan made from now on."""
        since_s = time.monotonic()
        self._client.until(lambda: self._plan_s > since_s, "a plan", PATIENCE_S)

    def move(self) -> None:
        """Have the robot at speed; commands before it last stood still are dropped."""

        def moving() -> bool:
            if self.guard.state in ("idle", "stopped"):
                if self.commands.at_rest:  # else it was started, and the diagnostics are late
                    self.commands.reset()
                self.until(self._ask(Trigger, "guard/start", Trigger.Request()).done, "the guard's answer")
                self.spin(QUIET_S)
            return self.guard.state == "active" and self.commands.share_of_top_speed > PATIENCE_SHARE

        self._client.until(moving, "the robot to move", PATIENCE_S)

    def until_silent(self) -> bool:
        """Wait for the end of a stop; False when the robot still gets commands after a long time."""
        deadline = time.monotonic() + STILL_S
        while not (self.commands.at_rest and self.commands.silent_s > QUIET_S and self._guard_is_done()):
            if time.monotonic() > deadline:
                return False
            self._client.spin_once()
        return True

    def _guard_is_gone(self) -> bool:
        return self._processes.code("guard_node") is not None

    def _guard_is_done(self) -> bool:
        return self.guard.state not in ("active", "stopping", "holding") or self._guard_is_gone()

    def guard_status(self) -> Mapping[str, str]:
        return self._client.status.get("guard", {})

    def _ask(self, kind: type, service: str, request: Any) -> Any:
        client = self._client.node.create_client(kind, service)
        self._client.until(client.service_is_ready, f"service {service}", PATIENCE_S)
        future = client.call_async(request)
        future.add_done_callback(lambda _: self._client.node.destroy_client(client))
        return future

    def _beat(self) -> None:
        if self.heartbeat_on:
            self.stops.publish(Bool(data=False))

    def _tick(self) -> None:
        now_s = time.monotonic()
        if self.clock_runs:
            self._simulated_ns += round((now_s - self._last_s) * 1e9)
        self._last_s = now_s
        message = ClockMessage()
        message.clock.sec, message.clock.nanosec = divmod(self._simulated_ns, 10**9)
        self._clocks.publish(message)

    def _on_plan(self, _: JointTrajectory) -> None:
        self._plan_s = time.monotonic()
