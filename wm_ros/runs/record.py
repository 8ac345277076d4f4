"""Records a live robot: what others make it do, or bounded exploratory motion through a guard of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from wm_ros.data.bag_topics import camera_topics
from wm_ros.data.bag_writer import BagWriter
from wm_ros.robots.profile import RobotProfile
from wm_ros.ros.graph_client import GraphClient, NodeError
from wm_ros.runs.bag_recorder import Recorder
from wm_ros.runs.child_processes import ChildProcesses
from wm_ros.runs.explorer import Explorer
from wm_ros.runs.guard_client import GuardClient

DISCOVERY_S = 10.0
START_S = 30.0
SETTLE_S = 3.0
GRAPH_S = 1.0  # what is on the graph usually shows up within half a second


@dataclass(frozen=True)
class LiveOptions:
    """episodes of so many seconds each; max_excursion in the component's unit times seconds.

    guard_profile: name or path of the profile, for the guard's process.
    """

    episodes: int
    seconds: float
    seed: int
    explore: bool
    max_excursion: float
    guard_profile: str


def record_live(
    profile: RobotProfile, out: Path, options: LiveOptions, progress: Callable[[int, float], None]
) -> dict[str, int]:
    """Write a bag of a running robot and return the number of messages by topic.

    progress: called with the episodes done and the seconds into this one. Ctrl-C ends the recording in order:
    robot stopped, bag whole. Raises NodeError without camera or, to explore, without a robot.
    """
    with ExitStack() as stack:
        processes = ChildProcesses(
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wm_ros_record_")))
        )
        client = stack.enter_context(GraphClient("record", processes.check))
        bag = stack.enter_context(BagWriter(out, profile))
        stack.enter_context(processes)
        stack.enter_context(suppress(KeyboardInterrupt))
        recorder = client.add(Recorder(bag))
        _await_topics(client, recorder, set(camera_topics(profile)))
        driver = _GuardedExploration(client, processes, profile, options) if options.explore else None
        with suppress(NodeError):  # commands and joint states are recorded from when they come
            client.until(lambda: not recorder.missing, "the other topics", SETTLE_S)
        for number in range(options.episodes):
            recorder.begin_episode(number)
            with driver or nullcontext():
                begun = time.monotonic()
                while (passed := time.monotonic() - begun) < options.seconds:
                    client.spin_once()
                    progress(number, passed)
                    if driver is not None:
                        driver.check()
            recorder.end_episode()
        progress(options.episodes, 0.0)
    return dict(bag.counts)


class _GuardedExploration:
    """A guard of our own and the plans it follows; a context manager that moves the robot for one episode."""

    def __init__(
        self, client: GraphClient, processes: ChildProcesses, profile: RobotProfile, options: LiveOptions
    ) -> None:
        deadline = time.monotonic() + GRAPH_S
        while time.monotonic() < deadline:
            client.spin_once()
            _refuse_other_drivers(client, profile, ours=0)
        parameters = {"profile": options.guard_profile, "autostart": True, "enable_control": True}
        processes.start("guard_node", parameters)
        client.await_active(["guard"], START_S)
        self._client, self._profile = client, profile
        self._guard = GuardClient(client)
        self._node = client.add(Explorer(profile, options.seed, options.max_excursion))

    def __enter__(self) -> None:
        self._guard.start()
        self._node.exploring = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._node.exploring = False
        self._guard.stop()
        self._guard.await_stopped()

    def check(self) -> None:
        _refuse_other_drivers(self._client, self._profile, ours=1)  # discovery can take longer than GRAPH_S
        if self._guard.state == "stopped":
            raise NodeError(f"the guard stopped the robot: {self._guard.message}")


def _await_topics(client: GraphClient, recorder: Recorder, needed: set[str]) -> None:
    try:
        client.until(lambda: not needed & recorder.missing, "publishers", DISCOVERY_S)
    except NodeError:
        present = ", ".join(sorted(name for name, _ in client.node.get_topic_names_and_types()))
        raise NodeError(
            f"nobody publishes {', '.join(needed & recorder.missing)}; topics there are: {present}. Start the "
            "camera, check ROS_DOMAIN_ID, and compare the topics with the profile's"
        ) from None


def _refuse_other_drivers(client: GraphClient, profile: RobotProfile, ours: int) -> None:
    """Two publishers of commands would fight for the robot: NodeError when there are more than `ours`."""
    offers = client.node.get_publishers_info_by_topic(profile.command.topic)
    if len(offers) > ours:
        names = sorted({f"{offer.node_namespace.rstrip('/')}/{offer.node_name}" for offer in offers})
        raise NodeError(
            f"the robot is driven already: {', '.join(names)} on {profile.command.topic}; end that, or record "
            "without --explore what it makes the robot do"
        )
