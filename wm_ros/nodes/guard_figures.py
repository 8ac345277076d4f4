"""What the guard costs and how evenly it ticks, in a process of its own beside cores that are busy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wm_ros.messages.plan import Plan, fill_plan
from wm_ros.nodes.children import Children
from wm_ros.nodes.client import Client
from wm_ros.nodes.guard_client import GuardClient
from wm_ros.nodes.message_class import message_class
from wm_ros.nodes.qos import PLAN
from wm_ros.robots.profile import load_profile

PLAN_S = 0.1
SETTLE_S = 2.0
ALL = QoSProfile(depth=1000)
BUSY = "while True: pass"
# The least that Python can do: sleep until the next period. What it misses is the machine's doing.
BARE = """
import json, sys, time
period_s, count = float(sys.argv[1]), int(sys.argv[2])
due_s, times_s = time.monotonic(), []
for _ in range(count):
    due_s += period_s
    time.sleep(max(0.0, due_s - time.monotonic()))
    times_s.append(time.monotonic())
print(json.dumps(times_s))
"""


def measure(
    seconds: float, busy_cores: int, progress: Callable[[float], None]
) -> dict[str, dict[str, object]]:
    """Have the guard follow plans for so many seconds while others keep cores busy.

    Returns its share of a core, and percentiles of how far its periods, from when each command was handed to the
    middleware to the next, are from 1/rate; beside it, the same of a process that only sleeps from period to period.
    progress: told the share that is done.
    """
    profile = load_profile("arm")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wm_ros_guard_")))
        children = stack.enter_context(Children(folder))
        client = stack.enter_context(Client("guard_figures", children.check))
        guard = GuardClient(client)
        sent_ns: list[int] = []

        def on_command(_: Any, info: dict[str, int]) -> None:
            sent_ns.append(info["source_timestamp"])

        def plan() -> None:
            rates = np.full(len(profile.action), 0.5) * profile.high
            made = Plan(
                client.node.get_clock().now().nanoseconds, profile.names, [rates, 0.0 * rates], [0.0, 1.0]
            )
            plans.publish(fill_plan(JointTrajectory(), made, JointTrajectoryPoint))

        plans = client.node.create_publisher(JointTrajectory, "plan", PLAN)
        client.node.create_timer(PLAN_S, plan, clock=Clock(clock_type=ClockType.STEADY_TIME))
        kind = message_class(profile.command.type)
        client.node.create_subscription(kind, profile.command.topic, on_command, ALL)
        children.start("guard_node", {"autostart": True, "enable_control": True})
        client.await_active(["guard"], 60.0)
        guard.start()
        guard.await_motion(10.0)
        for _ in range(busy_cores):
            stack.callback(_end, subprocess.Popen([sys.executable, "-c", BUSY]))
        settled_s = time.monotonic() + SETTLE_S
        client.until(lambda: time.monotonic() > settled_s, "", SETTLE_S + 1.0)
        sent_ns.clear()
        period_s = 1.0 / profile.command.rate_hz
        bare = stack.enter_context(_bare(period_s, round(seconds / period_s)))
        began_s, ran_s = time.monotonic(), _cpu_s(children.pid("guard_node"))
        while (elapsed_s := time.monotonic() - began_s) < seconds:
            client.spin_once()
            progress(min(elapsed_s / seconds, 1.0))
        share = (_cpu_s(children.pid("guard_node")) - ran_s) / elapsed_s
        status = client.status["guard"]
        slept_s = json.loads(bare.communicate()[0])
    more = {"busy_cores": busy_cores, "cores": os.cpu_count()}
    cpu = {"cpu_percent": round(100 * share, 2), "hiccups": int(status["resumed"])}
    return {
        "guard": {
            **_jitter(np.array(sent_ns) * 1e-9, period_s),
            **cpu,
            "scheduling": status["scheduling"],
            **more,
        },
        "bare sleep": {
            **_jitter(np.array(slept_s), period_s),
            **dict.fromkeys(cpu, ""),
            "scheduling": "normal",
            **more,
        },
    }


def _bare(period_s: float, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BARE, str(period_s), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


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
