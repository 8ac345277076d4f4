"""Records a live robot: what others make it do, or bounded exploratory motion through a guard of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from wm_ros.data.bag_writer import BagWriter
from wm_ros.nodes.children import Children, NodeError
from wm_ros.nodes.client import Client
from wm_ros.nodes.explorer_node import ExplorerNode
from wm_ros.nodes.guard_client import GuardClient
from wm_ros.nodes.recorder_node import RecorderNode
from wm_ros.robots.profile import RobotProfile

DISCOVERY_S = 10.0
START_S = 30.0


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

    progress: called with the episodes done and the seconds into this one. On Ctrl-C the robot is stopped, the
    bag closed and KeyboardInterrupt raised. Raises NodeError when camera or robot are missing.
    """
    with ExitStack() as stack:
        children = Children(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wm_ros_record_"))))
        client = stack.enter_context(Client("record", children.check))
        bag = stack.enter_context(BagWriter(out, profile))
        stack.enter_context(children)
        recorder = client.add(RecorderNode(bag))
        guard = None
        if options.explore:
            _refuse_second_driver(client, profile)
            children.start(
                "guard_node", {"profile": options.guard_profile, "autostart": True, "enable_control": True}
            )
            client.await_active(["guard"], START_S)
            guard = GuardClient(client)
            explorer = client.add(ExplorerNode(profile, options.seed, options.max_excursion))
        needed = set(recorder.missing) - ({profile.state.topic} if profile.state else set())
        _await_topics(client, recorder, needed)
        for number in range(options.episodes):
            recorder.begin_episode(number)
            if guard is not None:
                guard.start()
                explorer.exploring = True
            begun = time.monotonic()
            while (passed := time.monotonic() - begun) < options.seconds:
                client.spin_once()
                progress(number, passed)
                if guard is not None and guard.state == "stopped":
                    raise NodeError(f"the guard stopped the robot: {client.status['guard']['message']}")
            if guard is not None:
                explorer.exploring = False
                guard.stop()
                guard.await_silence()
            recorder.end_episode()
        progress(options.episodes, 0.0)
        return dict(bag.counts)


def _await_topics(client: Client, recorder: RecorderNode, needed: set[str]) -> None:
    def there() -> bool:
        return not needed & set(recorder.missing)

    try:
        client.until(there, "publishers", DISCOVERY_S)
    except NodeError:
        present = ", ".join(sorted(name for name, _ in client.node.get_topic_names_and_types()))
        missing = ", ".join(sorted(needed & set(recorder.missing)))
        raise NodeError(
            f"nobody publishes {missing}; topics there are: {present}. Start camera and robot, check "
            "ROS_DOMAIN_ID, and compare the topics with the profile's"
        ) from None


def _refuse_second_driver(client: Client, profile: RobotProfile) -> None:
    """Two publishers of commands would fight for the robot."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:  # what is on the graph shows up within half a second
        client.spin_once()
    others = client.node.get_publishers_info_by_topic(profile.command.topic)
    if others:
        names = ", ".join(f"{other.node_namespace.rstrip('/')}/{other.node_name}" for other in others)
        raise NodeError(
            f"{names} already publishes {profile.command.topic}: end it, or record without --explore what it "
            "makes the robot do"
        )
