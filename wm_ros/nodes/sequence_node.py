"""The sequence: hands the pipeline one goal picture after the other, and stops the robot at the end.

It never starts the robot: whoever wants it to move calls the guard's `~/start`. When this process dies, the pipeline
keeps the goal it was given last, and the robot goes there and no further.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Float32
from std_srvs.srv import Trigger

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import decode_image, fill_image
from wm_ros.messages.picture_folder import read_pictures, size_of
from wm_ros.messages.stamp import to_ns
from wm_ros.ros.diagnostics import Level
from wm_ros.ros.lifecycle import ManagedNode
from wm_ros.ros.parameters import Parameter
from wm_ros.ros.process import run
from wm_ros.ros.qos import DEMONSTRATION, LATCHED, MOST_FRAMES, STREAM
from wm_ros.stages.sequence import GoalResult, GoalSequence, SequenceOptions, SequenceState

DEFAULTS = SequenceOptions(reached=0.0)
PARAMETERS = (
    Parameter(
        "goals",
        "",
        "Folder of goal pictures, taken in the order of their names; empty: they come on `~/add_goal`.",
        read_only=True,
    ),
    Parameter(
        "imitate",
        False,
        "The pictures of `goals` are one demonstration, a model step apart, to be imitated as a whole.",
        read_only=True,
    ),
    Parameter(
        "reached",
        0.0,
        "Goal distance at which a goal is reached; 0: as the pipeline's checkpoint says. Read at ~/start.",
        range=(0.0, 1e6),
    ),
    Parameter(
        "hold_s",
        DEFAULTS.hold_s,
        "A goal counts when the robot has been so near for this long.",
        range=(0.0, 600.0),
    ),
    Parameter(
        "limit_s", DEFAULTS.limit_s, "The next goal comes after this long anyway.", range=(0.5, 86400.0)
    ),
    Parameter(
        "stuck_s",
        DEFAULTS.stuck_s,
        "A goal farther than twice `reached` to which the robot comes no nearer by `reached` for this long, while the "
        "guard drives it, ends the sequence; 0: never.",
        range=(0.0, 86400.0),
    ),
)
TICK_S = 0.05
SILENT_S = 10.0  # pipeline and guard report once a second
STOP_AGAIN_S = 1.0
SEND_S = 0.3  # a request has no acknowledgement to wait for
BY_SERVICE = "by ~/stop; ~/start goes on"
ALL_GOALS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


class SequenceNode(ManagedNode):
    """Shows goals on `goal_image`, each until it is reached and held or its time is up; then stops the guard.

    A demonstration is one goal, whose frames are shown on `demonstration`: its distance is what is left of it.

    Reads how far the goal is from the pipeline, and whether the robot is driven from the guard. Stops the guard, too,
    on `~/stop`, when a goal gets no nearer, when pipeline or guard are silent, and when it is deactivated.
    """

    def __init__(self, **node_options: Any):
        super().__init__("sequence", PARAMETERS, **node_options)
        self._cleanups: list[Callable[[], object]] = []
        self._goals: list[
            tuple[str, list[np.ndarray]]
        ] = []  # by name: a picture, or those of a demonstration
        self._listed = 0  # of them are from the folder
        self._sequence = GoalSequence(DEFAULTS)
        self._timer: Any = None

    def configure(self) -> None:
        folder = self.value("goals")
        pictures = read_pictures(Path(folder).expanduser()) if folder else []
        self._goals = [(name, [picture]) for name, picture in pictures]
        if self.value("imitate"):
            self._goals = [("demonstration", _demonstration([picture for _, picture in pictures]))]
        self._listed = len(self._goals)
        self._sequence = GoalSequence(DEFAULTS, self._listed)
        self._pipeline: dict[str, str] = {}
        self._guard: dict[str, str] = {}
        self._heard_s = {"pipeline": 0.0, "guard": 0.0}
        self._shown, self._shown_ns = 0, 0
        self._taken = False  # by the pipeline: the goal that is shown
        self._measured = False  # since then
        self._stopped_s: float | None = None  # when the guard was asked to stop and has not yet
        self._goal_images: Publisher[Any] = self.create_publisher(Image, "goal_image", LATCHED)
        self._cleanups.append(partial(self.destroy_publisher, self._goal_images))
        self._demonstrations: Publisher[Any] = self.create_publisher(Image, "demonstration", DEMONSTRATION)
        self._cleanups.append(partial(self.destroy_publisher, self._demonstrations))
        self._stop_guard: Client[Any, Any] = self.create_client(Trigger, "guard/stop")
        self._cleanups.append(partial(self.destroy_client, self._stop_guard))
        for message_type, topic, callback, qos in (
            (Float32, "pipeline/goal_distance", self._on_distance, STREAM),
            (DiagnosticArray, "pipeline/status", self._on_pipeline, LATCHED),
            (DiagnosticArray, "guard/status", self._on_guard, LATCHED),
            (Image, "~/add_goal", self._on_goal, ALL_GOALS),
        ):
            subscription = self.create_subscription(message_type, topic, callback, qos)
            self._cleanups.append(partial(self.destroy_subscription, subscription))
        for name, action in (
            ("start", self._start),
            ("stop", self._stop_by_service),
            ("next", self._next),
            ("reset", self._reset),
        ):
            service = self.create_service(Trigger, f"~/{name}", partial(self._answer, action))
            self._cleanups.append(partial(self.destroy_service, service))

    def activate(self) -> None:
        self._timer = self.create_timer(TICK_S, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def deactivate(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        if self._sequence.running:
            self._sequence.stop("the node is leaving its active state")
            self._ask_guard_to_stop()
            time.sleep(SEND_S)

    def cleanup(self) -> None:
        while self._cleanups:
            self._cleanups.pop()()
        self._goals = []

    def summary(self) -> str:
        sequence = self._sequence
        count = sequence.count
        if sequence.state is SequenceState.IDLE:
            return f"idle, {count} goals: call ~/start" if count else "idle: no goals yet"
        if sequence.state is SequenceState.DONE:
            reason = f"; {sequence.reason}" if sequence.reason else ""
            return f"done: {sequence.reached} of {count} reached{reason}"
        reason = f": {sequence.reason}" if sequence.reason else ""
        return f"{sequence.state.value}, goal {sequence.number + 1} of {count} ({self._name()}){reason}"

    def diagnostic_values(self) -> Mapping[str, object]:
        sequence, now_s = self._sequence, time.monotonic()
        figures: dict[str, object] = {
            "sequence": sequence.state.value,
            "goals": sequence.count,
            "reached": sequence.reached,
            "reached_distance": f"{sequence.options.reached:.4f}",
            "results": json.dumps([self._as_data(result) for result in sequence.results]),
        }
        if sequence.reason:
            figures["reason"] = sequence.reason
        if sequence.running or sequence.state is SequenceState.STOPPED:
            figures |= {
                "goal": sequence.number + 1,
                "goal_name": self._name(),
                "seconds": f"{sequence.seconds(now_s):.1f}",
                "limit_s": sequence.options.limit_s,
            }
            if sequence.distance is not None:
                figures["goal_distance"] = f"{sequence.distance:.4f}"
        return figures

    def _as_data(self, result: GoalResult) -> dict[str, object]:
        def figure(value: float | None) -> float | None:
            return None if value is None else round(value, 4)

        return {
            "goal": result.number + 1,
            "name": self._goals[result.number][0],
            "outcome": result.outcome.value,
            "seconds": figure(result.seconds),
            "start_distance": figure(result.start_distance),
            "distance": figure(result.distance),
        }

    def _name(self) -> str:
        return self._goals[self._sequence.number][0] if self._goals else ""

    def _options(self) -> SequenceOptions | str:
        """From parameters and pipeline; or why there are none."""
        reached = self.value("reached")
        if not reached and not self._pipeline:
            return "nothing is heard of the pipeline: start pipeline_node, or set the parameter `reached`"
        if not reached and "reached_distance" not in self._pipeline:
            return (
                "the pipeline's checkpoint does not say at which distance a goal is reached: set the parameter "
                "`reached` (`wm_ros drive --reached`), or have it measured with `wm_ros calibrate`"
            )
        return SequenceOptions(
            reached or float(self._pipeline["reached_distance"]),
            *(self.value(name) for name in ("hold_s", "limit_s", "stuck_s")),
        )

    def _tick(self) -> None:
        """Time passes: ask the sequence what it means."""
        now_s, running = time.monotonic(), self._sequence.running
        if running:
            self._stop_when_silent(now_s)
        self._sequence.tick(now_s, self._guard.get("guard", ""), self._guard.get("message", ""))
        self._follow(running)
        if self._stopped_s is not None and self._guard and now_s - self._stopped_s > STOP_AGAIN_S:
            self._ask_guard_to_stop()

    def _stop_when_silent(self, now_s: float) -> None:
        for name, heard_s in self._heard_s.items():
            if now_s - max(heard_s, self._sequence.shown_s) > SILENT_S and not (
                name == "guard" and not self._guard  # a sequence may be watched without a guard
            ):
                self._sequence.stop(f"nothing was heard of the {name} for {SILENT_S:g} s")
        if not self._taken and now_s - self._sequence.shown_s > SILENT_S:
            said = self._pipeline.get("message", "nothing")
            self._sequence.stop(
                f"the pipeline has not taken the goal {self._name()} for {SILENT_S:g} s, and says: {said}"
            )

    def _follow(self, was_running: bool) -> None:
        """Show what the sequence wants shown, and stop the robot when it runs no longer."""
        sequence = self._sequence
        if sequence.running and sequence.shows != self._shown:
            self._shown, self._taken = sequence.shows, False
            self._show(self._goals[sequence.number][1])
            self.faults.clear("sequence")
            self.figures_changed()
        if was_running and not sequence.running:
            self._ask_guard_to_stop()
            if sequence.reason and sequence.reason != BY_SERVICE:
                self.faults.set("sequence", Level.WARN, self.summary())
            self.figures_changed()

    def _show(self, pictures: list[np.ndarray]) -> None:
        stamp = self.get_clock().now().to_msg()
        self._shown_ns = to_ns(stamp)
        for number, picture in enumerate(pictures, 1):
            message = fill_image(Image(), picture)
            message.header.stamp = stamp
            if len(pictures) == 1:
                self._goal_images.publish(message)
            else:
                message.header.frame_id = f"{number}/{len(pictures)}"
                self._demonstrations.publish(message)

    def _ask_guard_to_stop(self) -> None:
        self._stopped_s = time.monotonic()
        self._stop_guard.call_async(Trigger.Request())

    def _on_distance(self, message: Float32) -> None:
        # Until the pipeline has the present goal, what it says is about the one before. Nothing orders two topics, so
        # the first one after it has said so may still be.
        if self._taken and not self._measured:
            self._measured = True
        elif self._taken and np.isfinite(message.data):
            before = self._sequence.state
            self._sequence.measure(time.monotonic(), message.data)
            if self._sequence.state is not before:
                self.status_changed()

    def _on_pipeline(self, message: DiagnosticArray) -> None:
        self._pipeline = _values(message)
        self._heard_s["pipeline"] = time.monotonic()
        running, stamp = self._sequence.running, self._pipeline.get("goal_stamp_ns")
        if self._taken and stamp is not None and stamp != str(self._shown_ns):
            self._sequence.stop("somebody else has given the pipeline another goal")
            self._follow(running)
        if not self._taken:
            self._measured = False
        self._taken = stamp == str(self._shown_ns)

    def _on_guard(self, message: DiagnosticArray) -> None:
        self._guard = _values(message)
        self._heard_s["guard"] = time.monotonic()
        if self._guard.get("guard", "") in ("", "idle", "stopping", "holding", "stopped"):
            self._stopped_s = None

    def _on_goal(self, message: Image) -> None:
        try:
            picture = decode_image(message)
            first = self._goals[0][1][0] if self._goals else picture
            if picture.shape != first.shape:
                raise ImageError(
                    f"it has {size_of(picture)} pixels and the first has {size_of(first)}: all come from the robot's "
                    "camera"
                )
        except ImageError as error:
            self.faults.set("added goal", Level.ERROR, f"a goal is left out: {error}")
            return
        self.faults.clear("added goal")
        self._goals.append((f"added {len(self._goals) + 1}", [picture.copy()]))
        self._sequence.count = len(self._goals)
        self.status_changed()

    def _answer(
        self, action: Callable[[], str], _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        if self._timer is None:
            response.message = f"the node is {self.state}: activate it first"
            return response
        running = self._sequence.running
        refusal = action()
        self._follow(running)
        response.success, response.message = not refusal, refusal or self.summary()
        self.figures_changed()
        return response

    def _start(self) -> str:
        options = self._options()
        if isinstance(options, str):
            return options
        self._sequence.options = options
        return self._sequence.start(time.monotonic())

    def _stop_by_service(self) -> str:
        if not self._sequence.running:
            self._ask_guard_to_stop()  # a stop is a stop, whatever else is the case
        self._sequence.stop(BY_SERVICE)
        return ""

    def _next(self) -> str:
        return self._sequence.skip(time.monotonic())

    def _reset(self) -> str:
        if self._sequence.running:
            return f"it is {self._sequence.state.value}: call ~/stop first"
        self._goals = self._goals[: self._listed]
        self._sequence.count = self._listed
        self._sequence.reset()
        self._shown = 0
        self.faults.clear("sequence")
        return ""


def _demonstration(pictures: list[np.ndarray]) -> list[np.ndarray]:
    if not 2 <= len(pictures) <= MOST_FRAMES:
        raise ValueError(
            f"a demonstration has 2 to {MOST_FRAMES} pictures, a model step apart, and the parameter `goals` names a "
            f"folder of {len(pictures)}: choose a part of it"
        )
    return pictures


def _values(message: DiagnosticArray) -> dict[str, str]:
    """What a node's status says, with its message."""
    status = message.status[0]
    return {**{entry.key: entry.value for entry in status.values}, "message": status.message}


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of the executable `sequence_node`."""
    return run(SequenceNode, args)


if __name__ == "__main__":
    sys.exit(main())
