"""Drives a robot through a sequence of goals, with nodes that run already or that it starts.

The robot is armed by an option alone, here and not in `sequence_node`, and stopped on every way out. Should this
process be killed, the nodes that it started end in order, the guard with a ramp to zero.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wm_ros.data.bag_topics import camera_topics
from wm_ros.data.bag_writer import BagWriter
from wm_ros.messages.image import decode_image
from wm_ros.messages.picture_folder import read_pictures, size_of
from wm_ros.messages.views import joined
from wm_ros.robots.profile import RobotProfile, load_profile
from wm_ros.ros.graph_client import GraphClient, NodeError
from wm_ros.ros.message_class import message_class
from wm_ros.ros.qos import STREAM
from wm_ros.runs.bag_recorder import Recorder
from wm_ros.runs.child_processes import ChildProcesses
from wm_ros.runs.guard_client import GuardClient
from wm_ros.runs.ros_domain import own_domain

START_S = 60.0
GRAPH_S, REPORT_S = 4.0, 20.0  # nodes report once a second, and a busy machine takes its time to find them
CAMERA_S = 10.0
RECORDER_S = 10.0
# Simulator, model, guard and this program may share two cores: a plan may be late, and come before the stop latches.
OF_SIMULATED: Mapping[str, object] = {"max_observation_age_s": 0.5, "stop_hold_s": 3.0}
# What a drive adds to the topics of a recording.
DRIVE_TOPICS = {
    "goal_image": "sensor_msgs/msg/Image",
    "demonstration": "sensor_msgs/msg/Image",
    "plan": "trajectory_msgs/msg/JointTrajectory",
    "pipeline/goal_distance": "std_msgs/msg/Float32",
    "guard/status": "diagnostic_msgs/msg/DiagnosticArray",
    "sequence/status": "diagnostic_msgs/msg/DiagnosticArray",
}
# The newest status of the sequence, and seconds since the drive began.
Progress = Callable[[Mapping[str, str], float], None]


@dataclass(frozen=True)
class DriveOptions:
    """robot: name or path of a profile. goals: folder of pictures. checkpoint: folder, empty for the packaged one.

    imitate: the pictures are one demonstration, a model step apart.
    enable_control: let the robot move. simulate: a simulated robot of this scene, on a ROS domain of its own; None: the
    real one, on the domain of the environment. sequence: parameters of sequence_node. parameter_file: of the nodes that
    are started. record: bag to write.
    """

    robot: str
    goals: Path
    checkpoint: str = ""
    imitate: bool = False
    enable_control: bool = False
    simulate: int | None = None
    sequence: Mapping[str, float] | None = None
    parameter_file: Path | None = None
    record: Path | None = None
    domain: int | None = None


def run_drive(options: DriveOptions, log_dir: Path, progress: Progress) -> dict[str, Any]:
    """Drive through all goals and return the figures as JSON data: `goals` as sequence_node has them, and why it ended.

    Waits while somebody's `~/stop` keeps the sequence, until it is started again. Raises NodeError when a node dies,
    refuses, or is not there; KeyboardInterrupt when it is ended from outside. The robot stands by then.
    """
    profile = load_profile(options.robot)
    with ExitStack() as stack:
        if options.simulate is not None:
            stack.enter_context(own_domain(options.domain))
        processes = stack.enter_context(ChildProcesses(log_dir, options.parameter_file))
        watch = _Watch(processes)
        client = stack.enter_context(GraphClient("drive", watch))
        attached = _start_nodes(client, processes, profile, options)
        _require_fit(client, profile, options)
        drive = _Drive(client, profile, options.enable_control)
        with ExitStack() as recording:
            if options.record is not None:
                bag = recording.enter_context(BagWriter(options.record, profile, more=DRIVE_TOPICS))
                recorder = client.add(Recorder(bag))
                client.until(
                    lambda: not recorder.missing & DRIVE_TOPICS.keys(), "the topics to record", RECORDER_S
                )
                recorder.begin_episode(0)
            began_s = time.monotonic()
            try:
                drive.run(lambda status: progress(status, time.monotonic() - began_s))
            finally:
                watch.leaving = True
                drive.stop()
        status = client.status["sequence"]
        return {
            "robot": profile.name,
            "count": int(status["goals"]),
            "reached": int(status["reached"]),
            "goals": json.loads(status["results"]),
            "reached_distance": float(status["reached_distance"]),
            "reason": status.get("reason", ""),
            "seconds": round(time.monotonic() - began_s, 1),
            "control": client.status["guard"]["control"] if options.enable_control else "dry run",
            "attached_to": attached,
        }


class _Watch:
    """Ends the waiting when a node has died, but for the robot to stop, which must not be kept from it."""

    def __init__(self, processes: ChildProcesses) -> None:
        self._processes, self.leaving = processes, False

    def __call__(self) -> None:
        if not self.leaving:
            self._processes.check()


class _Drive:
    """The sequence and the guard, started together and stopped together."""

    def __init__(self, client: GraphClient, profile: RobotProfile, enable_control: bool) -> None:
        self._client, self._profile, self._enable_control = client, profile, enable_control
        self._guard = GuardClient(client)

    def run(self, progress: Callable[[Mapping[str, str]], None]) -> None:
        """Until the sequence has ended, or has been stopped by something else than its `~/stop`."""
        client = self._client
        deadline_s = time.monotonic() + START_S
        answer = client.call("sequence/start")
        while answer.message.startswith("nothing is heard") and time.monotonic() < deadline_s:
            client.spin_once()  # the sequence has not found the pipeline yet
            answer = client.call("sequence/start")
        if not answer.success:
            raise NodeError(f"the sequence does not start: {answer.message}")
        client.until(self._runs, "the sequence to begin", START_S)
        self._arm()
        paused = False
        while True:
            client.spin_once()
            _require_alone(client, self._profile)  # one that was not found before may be by now
            status = client.status["sequence"]
            progress(status)
            if status["sequence"] == "done":
                return
            if status["sequence"] == "stopped":
                if not status.get("reason", "").startswith("by ~/stop"):
                    return
                paused = True
            elif paused and self._runs():
                self._guard.await_stopped()
                self._arm()
                paused = False

    def stop(self) -> None:
        """Whatever has happened: the guard stops, and is waited for."""
        if self._enable_control:
            self._guard.stop()
            self._guard.await_stopped()

    def _runs(self) -> bool:
        return self._client.status["sequence"].get("sequence") in ("driving", "holding")

    def _arm(self) -> None:
        if not self._enable_control:
            return
        _require_alone(self._client, self._profile)
        self._guard.start()
        if self._client.status["guard"]["control"] != "on":
            raise NodeError(
                "the guard that runs sends nothing to the robot: its parameter enable_control is false. Set it "
                "(`ros2 param set /guard enable_control true`), or do without --enable-control"
            )


def _start_nodes(
    client: GraphClient, processes: ChildProcesses, profile: RobotProfile, options: DriveOptions
) -> list[str]:
    """Start what does not run; returns the nodes that ran already."""
    running = _running(client) if options.simulate is None else set()
    attached = sorted({"pipeline", "guard"} & running)
    if "sequence" in running:
        raise NodeError("a sequence_node runs already: call its ~/start, or end it")
    named: dict[str, object] = {"profile": options.robot}
    auto: dict[str, object] = {"autostart": True}
    guard: dict[str, object] = {"enable_control": options.enable_control}
    if options.simulate is not None:
        processes.start("sim_node", {"seed": options.simulate, **named})
        if options.parameter_file is None:
            guard |= OF_SIMULATED
    if "guard" not in attached:
        processes.start("guard_node", {**named, **auto, **guard})
    if "pipeline" not in attached:
        processes.start("pipeline_node", {**named, **auto, "checkpoint": options.checkpoint})
    goals = {"goals": str(options.goals.absolute()), "imitate": options.imitate}
    sequence: dict[str, object] = {**auto, **goals, **(options.sequence or {})}
    processes.start("sequence_node", sequence)
    client.await_active(["guard", "pipeline", "sequence"], START_S)
    return attached


def _running(client: GraphClient) -> set[str]:
    """The nodes of ours that run already; each has said how it is."""
    deadline_s = time.monotonic() + GRAPH_S
    while time.monotonic() < deadline_s and not {"pipeline", "guard"} <= client.status.keys():
        client.spin_once()
    there = {"pipeline", "guard", "sequence"} & {*client.node.get_node_names(), *client.status}
    client.until(lambda: there <= client.status.keys(), f"reports of {', '.join(sorted(there))}", REPORT_S)
    return there


def _require_alone(client: GraphClient, profile: RobotProfile) -> None:
    """Two guards would fight for the robot: NodeError when somebody else drives it, or plans for it."""
    for topic in (profile.command.topic, "plan"):
        offers = client.node.get_publishers_info_by_topic(topic)
        if len(offers) > 1:
            names = sorted(f"{offer.node_namespace.rstrip('/')}/{offer.node_name}" for offer in offers)
            raise NodeError(f"{', '.join(names)} all publish {topic}: end all but one")


def _require_fit(client: GraphClient, profile: RobotProfile, options: DriveOptions) -> None:
    """NodeError when the pipeline is another robot's, the camera shows another shape, or the robot is moved already."""
    running = client.status["pipeline"].get("profile")
    if running != profile.name:
        raise NodeError(
            f"the pipeline that runs is of robot {running}, not {profile.name}: give its --profile"
        )
    guard = client.status["guard"]
    armed = guard["guard"] not in ("idle", "stopped")
    if armed and guard["control"] == "on" and not options.enable_control:
        raise NodeError(
            "the guard is armed, so that the robot would follow the goals: give --enable-control, or call the guard's "
            "~/stop first"
        )
    goal = read_pictures(options.goals)[0][1]
    pictures = []
    for topic, kind in camera_topics(profile).items():
        frames: list[Any] = []
        subscription = client.node.create_subscription(message_class(kind), topic, frames.append, STREAM)
        client.until(partial(bool, frames), f"a picture on {topic}: is the camera up?", CAMERA_S)
        client.node.destroy_subscription(subscription)
        pictures.append(decode_image(frames[0]))
    frame = joined(pictures)
    if goal.shape[0] * frame.shape[1] != goal.shape[1] * frame.shape[0]:
        raise NodeError(
            f"the goals are {size_of(goal)} pixels and the camera's pictures {size_of(frame)}: of another shape they "
            "would show another part of the scene; take them with this camera"
        )
