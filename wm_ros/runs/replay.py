"""A bag through the live nodes, as processes of their own over DDS, with the guard in shadow.

The guard computes and publishes as on the robot, but onto SHADOW: nobody publishes the robot's command topic, on a
ROS domain of this run's own that is confined to this machine.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import yaml
from sensor_msgs.msg import Image

from wm_ros.data.bag_messages import Bag
from wm_ros.data.segments import Segment, Survey
from wm_ros.evaluation.replay.faults import Fault
from wm_ros.evaluation.replay.results import Playback, PlaybackResult, ReplayResult
from wm_ros.messages.image import fill_image
from wm_ros.messages.stamp import fill_stamp
from wm_ros.nodes.model_node import PARAMETERS as MODEL_PARAMETERS
from wm_ros.resources import share_dir
from wm_ros.robots.profile import RobotProfile
from wm_ros.ros.graph_client import GraphClient, NodeError
from wm_ros.ros.qos import LATCHED
from wm_ros.runs.child_processes import ChildProcesses
from wm_ros.runs.guard_client import GuardClient
from wm_ros.runs.replay_observer import ReplayObserver
from wm_ros.runs.replay_player import BagPlayer, transport
from wm_ros.runs.ros_domain import own_domain
from wm_ros.safety.guard import GuardOptions

SHADOW = "replay/shadow_command"
START_S = 60.0
READY_S = 10.0


@dataclass(frozen=True)
class ReplayOptions:
    """profile_name: for the nodes' processes. checkpoint: folder, empty for the packaged one. rate: of the clock.

    goal_image: [H, W, 3] uint8 RGB; None: from the bag. goal_after_s: a goal so far ahead in the episode, renewed as
    often; None: the episode's last frame. parameter_file: of the nodes, None for config/arm.yaml. domain:
    ROS_DOMAIN_ID, None for an own.
    """

    profile_name: str
    checkpoint: str = ""
    rate: float = 1.0
    goal_image: np.ndarray | None = None
    goal_after_s: float | None = None
    parameter_file: Path | None = None
    domain: int | None = None


def run_replay(
    bag: Bag,
    survey: Survey,
    profile: RobotProfile,
    playbacks: Sequence[Playback],
    *,
    options: ReplayOptions,
    log_dir: Path,
    progress: Callable[[int, float], None],
) -> ReplayResult:
    """Play one after the other, the guard armed for each and stopped after it.

    progress: called with the number of the playback and the seconds of the bag into it. Raises NodeError when a node
    dies or cannot become active.
    """
    with ExitStack() as stack:
        domain = stack.enter_context(own_domain(options.domain))
        processes = stack.enter_context(ChildProcesses(log_dir, options.parameter_file))
        client = stack.enter_context(GraphClient("replay", processes.check))
        _start(processes, profile, options, transport(bag, survey, profile))
        player = client.add(BagPlayer(bag, survey, profile, options.rate))
        observer = client.add(ReplayObserver(profile, SHADOW, player.time_ns))
        replay = _Replay(client, player, observer, options)
        player.pause_at(playbacks[0].segment.start_ns)
        client.await_active(["guard", "pipeline"], START_S)
        _require_shadow(client, profile, player, domain)
        results = [
            replay.run(playback, partial(progress, number)) for number, playback in enumerate(playbacks)
        ]
        replay.await_report()
        _require_shadow(client, profile, player, domain)
        return ReplayResult(
            playbacks=tuple(results),
            commands=observer.commands(),
            latencies_ms={name: np.array(values) for name, values in observer.latencies_ms.items()},
            recorded_age_ms=np.array(observer.recorded_age_ms),
            frames=player.frames,
            late_ms=np.array(player.late_ms),
            pipeline=client.status["pipeline"],
        )


class _Replay:
    """One playback after the other on running nodes."""

    def __init__(
        self, client: GraphClient, player: BagPlayer, observer: ReplayObserver, options: ReplayOptions
    ) -> None:
        self._client, self._player, self._observer, self._options = client, player, observer, options
        self._guard = GuardClient(client)
        self._goals = client.node.create_publisher(Image, "goal_image", LATCHED)

    def run(self, playback: Playback, progress: Callable[[float], None]) -> PlaybackResult:
        """Show the goal, arm the guard, play, stop the guard."""
        client, player, observer, segment = self._client, self._player, self._observer, playback.segment
        player.pause_at(segment.start_ns)
        observer.guard_clock_ns = 0
        # A clock that jumps while the guard is armed would stop it.
        client.until(
            lambda: observer.guard_clock_ns == segment.start_ns, "the guard to get the time", READY_S
        )
        goals = self._schedule(segment)
        self._show_goal(goals.pop(0)[1])
        client.until(lambda: client.status["pipeline"].get("goal") == "set", "the goal to be set", READY_S)
        self._guard.start()
        client.until(lambda: observer.guard_state == "waiting", "the guard to wait for plans", READY_S)
        first = len(observer.command_times_ns)
        times_ns, values = array("q"), array("d")  # of the operator
        restart = _Restart(client, observer, playback.fault)

        def spin(timeout_s: float) -> None:
            client.spin_once(timeout_s)
            passed_s = (player.time_ns() - segment.start_ns) * 1e-9
            progress(passed_s)
            restart.when_due(passed_s)
            if goals and player.time_ns() >= goals[0][0]:
                self._show_goal(goals.pop(0)[1])

        def on_command(time_ns: int, vector: np.ndarray) -> None:
            times_ns.append(time_ns)
            values.extend(vector)

        observer.begin(segment.start_ns)
        player.play(playback, spin=spin, on_frame=observer.on_frame_shown, on_command=on_command)
        trace, last = observer.trace(), len(observer.command_times_ns)
        self._guard.stop()
        self._guard.await_stopped()
        return PlaybackResult(
            playback=playback,
            trace=trace,
            restarted=restart.done,
            commands=slice(first, last),
            operator=(np.array(times_ns), np.array(values).reshape(len(times_ns), self._observer.components)),
        )

    def await_report(self) -> None:
        """Wait for what the pipeline says after the last frame."""
        self._client.status.pop("pipeline")
        self._client.until(lambda: "pipeline" in self._client.status, "the pipeline's report", READY_S)

    def _schedule(self, segment: Segment) -> list[tuple[int, int]]:
        """When to show which goal: (time ns, log time of the frame, where no picture is given)."""
        if self._options.goal_image is not None or self._options.goal_after_s is None:
            return [(segment.start_ns, int(segment.log_ns[-1]))]
        step_ns = round(self._options.goal_after_s * 1e9)
        times = range(segment.start_ns, segment.end_ns, step_ns)
        return [(at_ns, int(segment.log_ns[segment.frame_at(at_ns + step_ns)])) for at_ns in times]

    def _show_goal(self, log_ns: int) -> None:
        picture = self._player.goal(log_ns) if self._options.goal_image is None else self._options.goal_image
        message = fill_image(Image(), picture)
        fill_stamp(message.header.stamp, self._player.time_ns())
        self._goals.publish(message)


class _Restart:
    """The operator's part: `~/start` when a fault is over and the guard has stopped for good."""

    def __init__(self, client: GraphClient, observer: ReplayObserver, fault: Fault | None) -> None:
        self._client, self._observer, self._fault = client, observer, fault
        self.done = False

    def when_due(self, passed_s: float) -> None:
        if self.done or self._fault is None or passed_s < self._fault.end_s:
            return
        if self._observer.guard_state == "stopped":
            self._client.request("guard/start")
            self.done = True


def _start(
    processes: ChildProcesses, profile: RobotProfile, options: ReplayOptions, image_transport: str
) -> None:
    """Start both nodes; slower than life, the limits of the steady clock are stretched to the bag's time."""
    slow = max(1.0, 1.0 / options.rate)
    file = options.parameter_file or share_dir() / "config" / "arm.yaml"
    age_s = _parameter(file, "guard", "max_observation_age_s", GuardOptions().max_observation_age_s)
    silence = next(entry.default for entry in MODEL_PARAMETERS if entry.name == "camera_timeout_s")
    silence_s = _parameter(file, "pipeline", "camera_timeout_s", float(silence))
    both = {"profile": options.profile_name, "autostart": True, "use_sim_time": True}
    guard = {"enable_control": True, "max_observation_age_s": age_s * slow}
    processes.start("guard_node", {**both, **guard}, {profile.command.topic: SHADOW})
    pipeline = {
        "checkpoint": options.checkpoint,
        "image_transport": image_transport,
        "camera_timeout_s": silence_s * slow,
    }
    processes.start("pipeline_node", {**both, **pipeline})


def _parameter(file: Path, node: str, name: str, default: float) -> float:
    """What a parameter file says for a node, in whatever namespace."""
    for key, section in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).items():
        if key.rpartition("/")[2] == node:
            return float(section.get("ros__parameters", {}).get(name, default))
    return default


def _require_shadow(client: GraphClient, profile: RobotProfile, player: BagPlayer, domain: int) -> None:
    """NodeError unless the guard publishes onto SHADOW and nobody onto the robot's topic; nor a second camera."""
    node = client.node
    limits = {profile.command.topic: 0, "/clock": 1, "plan": 1, SHADOW: 1}
    limits |= dict.fromkeys(player.camera_topics, 1)
    for topic, ours in limits.items():
        if node.count_publishers(topic) > ours:
            raise NodeError(f"others publish {topic} on ROS_DOMAIN_ID {domain}: choose another --domain")
    published = client.status["guard"].get("command_topic")
    if published != node.resolve_topic_name(SHADOW):
        raise NodeError(f"the guard publishes on {published}, not in shadow: nothing is played")
