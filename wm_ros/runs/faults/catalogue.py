"""The faults: how each is brought about, and what is repaired before the next round."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wm_ros.messages.plan import Plan, fill_plan
from wm_ros.robots.profile import RobotProfile
from wm_ros.runs.faults.breakable_pipeline import FAIL, STALL
from wm_ros.runs.faults.camera import SIDE
from wm_ros.runs.faults.rig import Rig

OLD_S, FUTURE_S, JUMP_S = 0.6, 0.5, 5.0
HEARTBEAT_LIMIT_S = 0.3  # as long as a picture may be old


@dataclass(frozen=True)
class Fault:
    """inject: brings it about and returns at once; repair: afterwards plans can come again."""

    inject: Callable[[Rig], Any]
    repair: Callable[[Rig], Any]
    prepare: Callable[[Rig], Any] = lambda rig: None
    simulated_time: bool = False


def _restart(rig: Rig) -> None:
    rig.pipeline.end()
    rig.pipeline.start()


def _exhaust_memory(rig: Rig) -> None:
    """The camera's larger pictures need more than is left; that they are refused for their size comes after."""
    rig.pipeline.limit_memory()
    rig.camera.show = lambda stamp_ns: rig.camera.picture(stamp_ns, 20 * SIDE)


def _repair_memory(rig: Rig) -> None:
    rig.camera.show_scene()
    _restart(rig)


def _freeze(rig: Rig) -> None:
    """New stamps on the pixels of one moment."""
    frozen = rig.camera.picture(rig.now_ns())

    def show(stamp_ns: int) -> Image:
        frozen.header.stamp.sec, frozen.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        return frozen

    rig.camera.show = show


def _repeat(rig: Rig) -> None:
    """The same message again and again."""
    last = rig.camera.picture(rig.now_ns())
    rig.camera.show = lambda stamp_ns: last


def _garbage(rig: Rig) -> None:
    """A picture shorter than its header says."""

    def show(stamp_ns: int) -> Image:
        image = rig.camera.picture(stamp_ns)
        del image.data[100:]
        return image

    rig.camera.show = show


def _show(**change: Any) -> Callable[[Rig], None]:
    """A camera with stamps that are off by so many seconds, or with pictures of another size."""
    late_ns = round(1e9 * change.pop("late_s", 0.0))

    def inject(rig: Rig) -> None:
        rig.camera.show = lambda stamp_ns: rig.camera.picture(stamp_ns - late_ns, **change)

    return inject


def _silence(rig: Rig) -> None:
    rig.camera.show = lambda stamp_ns: None


def _nan_plans(rig: Rig) -> None:
    """A bad plan with every picture, in between the good ones."""
    names = rig.profile.names

    def show(stamp_ns: int) -> Image:
        plan = Plan(stamp_ns, names, np.zeros((2, len(names))), np.array([0.0, 1.0]))
        message = fill_plan(JointTrajectory(), plan, JointTrajectoryPoint)
        message.points[0].velocities[0] = float("nan")
        rig.plans.publish(message)
        return rig.camera.picture(stamp_ns)

    rig.camera.show = show


def _stop_clock(rig: Rig) -> None:
    rig.clock_runs = False


def _go_on_with_clock(rig: Rig) -> None:
    rig.clock_runs = True


def _lose_heartbeat(rig: Rig) -> None:
    rig.heartbeat_on = False


def _repair_heartbeat(rig: Rig) -> None:
    rig.heartbeat_on = True
    rig.set_guard("stop_heartbeat_timeout_s", 0.0)


def _activate(rig: Rig) -> None:
    rig.until(lambda: rig.guard_status().get("state") == "inactive", "the guard to be inactive")
    done = rig.change_guard("activate")
    rig.until(done.done, "the guard to be active")
    rig.until(lambda: rig.guard_status().get("state") == "active", "the guard to be active")


def _restart_guard(rig: Rig) -> None:
    rig.await_guard_gone()
    rig.start_guard()


def _nothing(rig: Rig) -> None:
    pass


def _show_scene(rig: Rig) -> None:
    rig.camera.show_scene()


def _lose_state(rig: Rig) -> None:
    rig.robot.telling = False


def _repeat_state(rig: Rig) -> None:
    rig.robot.freeze()


def _repair_robot(rig: Rig) -> None:
    rig.robot.repair()


FAULTS = {
    "pipeline killed": Fault(lambda rig: rig.pipeline.send(signal.SIGKILL), _restart),
    "pipeline stopped": Fault(
        lambda rig: rig.pipeline.send(signal.SIGSTOP), lambda rig: rig.pipeline.send(signal.SIGCONT)
    ),
    "model raises": Fault(lambda rig: rig.pipeline.send(FAIL), lambda rig: rig.pipeline.send(FAIL)),
    "model stalls 5 s": Fault(lambda rig: rig.pipeline.send(STALL), _nothing),
    "memory exhausted": Fault(_exhaust_memory, _repair_memory),
    "camera freezes": Fault(_freeze, _show_scene),
    "camera repeats": Fault(_repeat, _show_scene),
    "camera dies": Fault(_silence, _show_scene),
    "camera garbage": Fault(_garbage, _show_scene),
    "camera wrong size": Fault(_show(side=2 * SIDE), _show_scene),
    "camera old frames": Fault(_show(late_s=OLD_S), _show_scene),
    "camera future stamps": Fault(_show(late_s=-FUTURE_S), _show_scene),
    "camera participant restarted": Fault(lambda rig: rig.camera.close(), lambda rig: rig.camera.open()),
    "plan with NaN": Fault(_nan_plans, _show_scene),
    "guard deactivated": Fault(lambda rig: rig.change_guard("deactivate"), _activate),
    "guard SIGINT": Fault(lambda rig: rig.signal_guard(signal.SIGINT), _restart_guard),
    "guard SIGTERM": Fault(lambda rig: rig.signal_guard(signal.SIGTERM), _restart_guard),
    "stop topic": Fault(lambda rig: rig.stops.publish(Bool(data=True)), _nothing),
    "stop heartbeat lost": Fault(
        _lose_heartbeat,
        _repair_heartbeat,
        prepare=lambda rig: rig.set_guard("stop_heartbeat_timeout_s", HEARTBEAT_LIMIT_S),
    ),
    "clock jumps ahead": Fault(lambda rig: rig.jump(JUMP_S), _nothing, simulated_time=True),
    "clock jumps back": Fault(lambda rig: rig.jump(-JUMP_S), _nothing, simulated_time=True),
    "clock stops": Fault(_stop_clock, _go_on_with_clock, simulated_time=True),
}

# Of a robot that is told positions, beside all others.
STATE_FAULTS = {
    "joint states die": Fault(_lose_state, _repair_robot),
    "joint states repeat": Fault(_repeat_state, _repair_robot),
}


def faults_of(profile: RobotProfile) -> dict[str, Fault]:
    """The faults that a robot of this profile can have around it."""
    return FAULTS | STATE_FAULTS if profile.kind == "position" else FAULTS
