"""What the guard costs and how evenly it ticks, in a process of its own beside cores that are busy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wm_ros.messages.plan import Plan, fill_plan
from wm_ros.robots.profile import load_profile
from wm_ros.ros.graph_client import GraphClient
from wm_ros.ros.message_class import message_class
from wm_ros.ros.qos import PLAN
from wm_ros.runs.child_processes import ChildProcesses
from wm_ros.runs.guard_client import GuardClient

if TYPE_CHECKING:
    from rclpy.subscription import MessageInfo

PLAN_S = 0.1
SETTLE_S = 2.0
ALL = QoSProfile(depth=1000)
BUSY = "while True: pass"
TIMER_TOPIC = "timer/commands"


def measure(
    seconds: float, busy_cores: int, progress: Callable[[float], None]
) -> dict[str, dict[str, object]]:
    """Have the guard follow plans for so many seconds while others keep cores busy.

    Returns its share of a core, and percentiles of how far its periods, from when each command was handed to the
    middleware to the next, are from 1/rate; beside it, the same of a node with a timer that publishes zeros, and of a
    process that only sleeps from period to period. progress: called with the share that is done.
    """
    profile = load_profile("arm")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wm_ros_guard_")))
        processes = stack.enter_context(ChildProcesses(folder))
        client = stack.enter_context(GraphClient("guard_figures", processes.check))
        guard = GuardClient(client)
        sent_ns: dict[str, list[int]] = {}

        def listen(topic: str) -> None:
            times = sent_ns[topic] = []

            def on_command(_: Any, info: MessageInfo) -> None:
                times.append(info["source_timestamp"])

            client.node.create_subscription(kind, topic, on_command, ALL)

        def plan() -> None:
            rates = np.full(len(profile.action), 0.5) * profile.high
            now_ns = client.node.get_clock().now().nanoseconds
            made = Plan(now_ns, profile.names, np.stack([rates, 0.0 * rates]), np.array([0.0, 1.0]))
            plans.publish(fill_plan(JointTrajectory(), made, JointTrajectoryPoint))

        plans = client.node.create_publisher(JointTrajectory, "plan", PLAN)
        client.node.create_timer(PLAN_S, plan, clock=Clock(clock_type=ClockType.STEADY_TIME))
        kind = message_class(profile.command.type)
        listen(profile.command.topic)
        listen(TIMER_TOPIC)
        period_s = 1.0 / profile.command.rate_hz
        timer = stack.enter_context(_process("timer", period_s, TIMER_TOPIC))
        processes.start("guard_node", {"autostart": True, "enable_control": True})
        client.await_active(["guard"], 60.0)
        guard.start()
        guard.await_motion(10.0)
        for _ in range(busy_cores):
            stack.callback(_end, subprocess.Popen([sys.executable, "-c", BUSY]))
        settled_s = time.monotonic() + SETTLE_S
        client.until(lambda: time.monotonic() > settled_s, "", SETTLE_S + 1.0)
        client.until(lambda: sent_ns[TIMER_TOPIC], "the timer's commands", 30.0)
        for times in sent_ns.values():
            times.clear()
        bare = stack.enter_context(_process("sleep", period_s, round(seconds / period_s)))
        measured = {"guard": processes.pid("guard_node"), "timer": timer.pid}
        began_s, ran_s = time.monotonic(), {name: _cpu_s(pid) for name, pid in measured.items()}
        while (elapsed_s := time.monotonic() - began_s) < seconds:
            client.spin_once()
            progress(min(elapsed_s / seconds, 1.0))
        percent = {
            name: round(100 * (_cpu_s(pid) - ran_s[name]) / elapsed_s, 2) for name, pid in measured.items()
        }
        status = client.status["guard"]
        slept_s = json.loads(bare.communicate()[0])

    def row(times_s: np.ndarray, cpu: object, hiccups: object, scheduling: str) -> dict[str, object]:
        return {
            **_jitter(times_s, period_s),
            "cpu_percent": cpu,
            "hiccups": hiccups,
            "scheduling": scheduling,
            "busy_cores": busy_cores,
            "cores": os.cpu_count(),
        }

    commands, zeros = (1e-9 * np.array(sent_ns[topic]) for topic in (profile.command.topic, TIMER_TOPIC))
    return {
        "guard": row(commands, percent["guard"], int(status["resumed"]), status["scheduling"]),
        "timer that publishes zeros": row(zeros, percent["timer"], "", "normal"),
        "bare sleep": row(np.array(slept_s), "", "", "normal"),
    }


@contextmanager
def _process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process of guard_baselines, which does not outlive the measurement."""
    command = [sys.executable, "-m", "wm_ros.runs.guard_baselines", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _jitter(times_s: np.ndarray, period_s: float) -> dict[str, object]:
    off_ms = 1e3 * abs(np.diff(times_s) - period_s)
    figures = {
        f"jitter_ms_p{percent}": round(float(np.percentile(off_ms, percent)), 3) for percent in (50, 99)
    }
    return {"periods": len(off_ms), **figures, "jitter_ms_max": round(float(off_ms.max()), 3)}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _cpu_s(pid: int) -> float:
    """Seconds that the threads of a process have run."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) * 1e-9
