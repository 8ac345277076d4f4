"""Pipeline and guard under a 640x480 stream for minutes: what grows, what is late, what is lost."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.image import fill_image
from wm_ros.messages.stamp import to_ns
from wm_ros.robots.profile import RobotProfile, load_profile
from wm_ros.ros.graph_client import GraphClient
from wm_ros.ros.qos import LATCHED
from wm_ros.runs.child_processes import ChildProcesses
from wm_ros.runs.faults.command_recorder import CommandRecorder
from wm_ros.runs.guard_client import GuardClient
from wm_ros.safety.guard import GuardOptions

if TYPE_CHECKING:
    from rclpy.subscription import MessageInfo

MEASURED = ("pipeline_node", "guard_node")
SAMPLE_S = 1.0
WARM_UP = 0.25  # share of the time before memory counts
ALL = QoSProfile(depth=1000)


class SoakListener(Node):
    """Keeps what figures are made of: numbers of encoded frames, plans with stamp and time of sending, commands.

    All times are those of the senders: a listener that is itself held up on a busy machine would see plans too late.
    """

    def __init__(self, profile: RobotProfile, **node_options: Any) -> None:
        super().__init__("soak_listener", **node_options)
        self.commands = CommandRecorder(self, profile)
        self.reset()
        self.create_subscription(Image, "latent", lambda m: self.frames.append(int(m.header.frame_id)), ALL)
        self.create_subscription(JointTrajectory, "plan", self._on_plan, ALL)

    def reset(self) -> None:
        self.commands.reset()
        self.frames: list[int] = []
        self.plans_ns: list[tuple[int, int]] = []

    def plan_ages_s(self) -> np.ndarray:
        sent, stamps = np.array(self.plans_ns).T
        return (sent - stamps) * 1e-9

    def oldest_followed_s(self) -> float:
        """Greatest age, when a command was sent, of the picture behind the newest plan that had been sent by then."""
        followed = self.commands.followed_at_ns()
        sent, stamps = np.array(self.plans_ns).T
        newest = np.searchsorted(sent, followed, side="right") - 1
        return float(((followed - stamps[newest])[newest >= 0] * 1e-9).max(initial=0.0))

    def _on_plan(self, message: JointTrajectory, info: MessageInfo) -> None:
        self.plans_ns.append((info["source_timestamp"], to_ns(message.header.stamp)))


def soak(seconds: float, progress: Callable[[float, str], None]) -> dict[str, object]:
    """Drive for so many seconds with the default parameters; returns the figures of `wm_ros bench soak`.

    progress: called with the share that is done and the memory in use. A guard that stops is started again, and
    counted.
    """
    profile = load_profile("arm")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wm_ros_soak_")))
        processes = stack.enter_context(ChildProcesses(folder))
        client = stack.enter_context(GraphClient("soak", processes.check))
        guard, listener = GuardClient(client), client.add(SoakListener(profile))
        goals = client.node.create_publisher(Image, "goal_image", LATCHED)
        goals.publish(fill_image(Image(), np.full((64, 64, 3), 90, np.uint8)))
        for node in ("soak_camera", *MEASURED):
            processes.start(node, {"autostart": True, "enable_control": True} if node in MEASURED else {})
        client.await_active(["pipeline", "guard"], 120.0)
        client.until(lambda: listener.plans_ns, "a plan", 60.0)
        guard.start()
        guard.await_motion(120.0)
        listener.reset()
        samples: list[tuple[float, ...]] = []
        stops, began_s = 0, time.monotonic()
        while (elapsed_s := time.monotonic() - began_s) < seconds:
            client.spin_once()
            if guard.state == "stopped":
                stops += 1
                guard.start()
            if elapsed_s >= SAMPLE_S * len(samples):
                samples.append(
                    (elapsed_s, *(figure for node in MEASURED for figure in _usage(processes.pid(node))))
                )
                progress(min(elapsed_s / seconds, 1.0), f"{samples[-1][1]:.1f} MB")
        resumed = int(client.status["guard"]["resumed"])
    return {**_figures(listener), "hiccups": resumed, "stops": stops, **_growth(np.array(samples))}


def violations(figures: dict[str, Any]) -> list[str]:
    """Which promises the figures break, in words."""
    limit_s = GuardOptions().max_observation_age_s + 1.0 / load_profile("arm").command.rate_hz
    broken = []
    if figures["oldest_picture_followed_s"] > limit_s:
        broken.append(
            f"a command followed a picture of {figures['oldest_picture_followed_s']} s > {limit_s} s"
        )
    if figures["out_of_limits"]:
        broken.append(f"{figures['out_of_limits']} commands out of limits")
    broken += [f"{node} opens files" for node in MEASURED if figures[f"{node}_files_grown"] > 0]
    return broken


def _figures(listener: SoakListener) -> dict[str, object]:
    sent = listener.frames[-1] - listener.frames[0] + 1
    ages_ms = 1e3 * listener.plan_ages_s()
    p50, p99 = np.percentile(ages_ms, [50, 99])
    return {
        "frames_sent": sent,
        "frames_dropped": sent - len(listener.frames),
        "plans": len(ages_ms),
        "camera_to_plan_ms_p50": round(p50, 1),
        "camera_to_plan_ms_p99": round(p99, 1),
        "camera_to_plan_ms_max": round(ages_ms.max(), 1),
        "commands": listener.commands.count,
        "out_of_limits": len(listener.commands.violations()),
        "oldest_picture_followed_s": round(listener.oldest_followed_s(), 3),
    }


def _usage(pid: int) -> tuple[float, int]:
    """Resident memory in MB, and open file descriptors."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6, len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _growth(samples: np.ndarray) -> dict[str, object]:
    warm = samples[int(WARM_UP * len(samples)) :]
    figures: dict[str, object] = {}
    for index, node in enumerate(MEASURED):
        memory, files = warm[:, 1 + 2 * index], warm[:, 2 + 2 * index]
        figures[f"{node}_mb"] = round(float(memory[-1]), 1)
        figures[f"{node}_mb_per_hour"] = round(3600.0 * float(np.polyfit(warm[:, 0], memory, 1)[0]), 2)
        figures[f"{node}_files"] = int(files[-1])
        figures[f"{node}_files_grown"] = int(files[-1] - files[0])
    return figures
