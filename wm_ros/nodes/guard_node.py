"""The guard: the only node that publishes to the robot, in a process of its own, without torch.

A thread of its own takes the newest plan and asks the state machine in `wm_ros.safety.guard` for a command, at the
profile's rate. The executor's callbacks, of services and of `stop`, only tell that machine what happened, so none of
them can keep the robot from being stopped.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from rclpy.duration import Duration
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.command import fill_command
from wm_ros.messages.plan import PlanError, decode_plan
from wm_ros.robots.profile import RobotProfile, load_profile
from wm_ros.ros.diagnostics import Level
from wm_ros.ros.lifecycle import ManagedNode
from wm_ros.ros.message_class import command_message, message_class
from wm_ros.ros.parameters import Parameter
from wm_ros.ros.polling_subscription import PollingSubscription
from wm_ros.ros.process import run
from wm_ros.ros.qos import COMMAND, PLAN_SUBSCRIPTION, STOP, STREAM, incompatible_qos_fix
from wm_ros.ros.rate import Rate
from wm_ros.ros.realtime import is_realtime, request_realtime
from wm_ros.ros.stream import SubscriptionEventCallbacks
from wm_ros.ros.ticker import Ticker
from wm_ros.safety.guard import Guard, GuardOptions, GuardState
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.safety.stop_reason import StopReason

if TYPE_CHECKING:
    from wm_ros.nodes.target_commands import TargetCommands

DEFAULTS = GuardOptions()
PARAMETERS = (
    Parameter("profile", "arm", "Robot profile: a name in config/robots or a YAML file.", read_only=True),
    Parameter(
        "enable_control",
        False,
        "Publish to the robot. False: dry run, all is computed and nothing sent. Read at ~/start; switched "
        "off later, it stops the robot.",
    ),
    Parameter(
        "max_observation_age_s",
        DEFAULTS.max_observation_age_s,
        "A plan moves the robot only while the picture behind it is younger.",
        range=(0.05, 5.0),
    ),
    Parameter(
        "future_tolerance_s",
        DEFAULTS.future_tolerance_s,
        "Pictures stamped further ahead of ROS time stop the robot.",
        range=(0.0, 1.0),
    ),
    Parameter(
        "clock_jump_s",
        DEFAULTS.clock_jump_s,
        "A jump of ROS time against steady time beyond this stops the robot.",
        range=(0.05, 60.0),
    ),
    Parameter(
        "stop_hold_s",
        DEFAULTS.stop_hold_s,
        "Zeros are published for this long after the ramp, before silence.",
        range=(0.0, 10.0),
    ),
    Parameter(
        "stop_heartbeat_timeout_s",
        DEFAULTS.stop_heartbeat_timeout_s,
        "Silence on `stop` for longer stops the robot; 0: no heartbeat required.",
        range=(0.0, 60.0),
    ),
)
OPTIONS = tuple(field.name for field in fields(GuardOptions))
ACKNOWLEDGE_S = 0.2
REQUESTED_STOPS = ("requested", "deactivated")  # stops that somebody asked for are no errors


class GuardNode(ManagedNode):
    """Follows `plan` within the profile's limits, publishes the robot's commands, and stops for any doubt.

    Subscribes `plan`, `stop` and, for a robot that takes poses or joint positions, the profile's state topic;
    publishes the profile's command topic, serves `~/start`, `~/stop` and `~/reset`. Deactivating, shutting down,
    SIGINT, SIGTERM and exceptions all end in the same stop: ramp, zeros (the same target again and again), silence.
    """

    def __init__(self, **node_options: Any):
        super().__init__("guard", PARAMETERS, **node_options)
        self._cleanups: list[Callable[[], object]] = []
        self._lock = threading.Lock()  # of the guard: ticks and callbacks are in different threads
        self._ticker: Ticker | None = None
        self._deactivating = False
        self._error: Exception | None = None
        self.parameters_changed()
        self._failed = self.create_guard_condition(self._raise)
        self._control = False
        self._moving = False  # the last command sent was not zero
        self._sent = 0
        self._plan_rate, self._command_rate = Rate(), Rate()
        self._reported: tuple[object, ...] = ()

    def configure(self) -> None:
        self.parameters_changed()
        self._profile: RobotProfile = load_profile(self.value("profile"))
        self._guard = Guard(self._profile, self._limits)
        self._message = command_message(self._profile)
        self._publisher = self.create_publisher(type(self._message), self._profile.command.topic, COMMAND)
        self._cleanups.append(partial(self.destroy_publisher, self._publisher))
        events = SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos)
        signals = self.create_subscription(Bool, "stop", self._on_stop_signal, STOP, event_callbacks=events)
        self._cleanups.append(partial(self.destroy_subscription, signals))
        self._plans = self._create_polling_subscription(JointTrajectory, "plan", PLAN_SUBSCRIPTION)
        self._inputs: list[tuple[PollingSubscription, Callable[[Any, ClockReading], None]]] = [
            (self._plans, self._on_plan)
        ]
        self._fill: Callable[[Any, Sequence[float], RobotProfile, int], Any] = fill_command
        self._target_commands: TargetCommands[Any] | None = None
        if self._profile.kind != "velocity":
            from wm_ros.nodes.target_commands import target_commands

            self._target_commands = target_commands(self._profile, self._guard)
            self._fill = self._target_commands.fill
            state = self._profile.required_state
            states = self._create_polling_subscription(message_class(state.type), state.topic, STREAM)
            self._inputs.append((states, partial(self._on_state, self._target_commands)))
        for name, action in (("start", self._start), ("stop", self._stop_now), ("reset", self._reset)):
            service = self.create_service(Trigger, f"~/{name}", partial(self._answer, action))
            self._cleanups.append(partial(self.destroy_service, service))

    def activate(self) -> None:
        self._deactivating, self._error = False, None
        period_s = 1.0 / self._profile.command.rate_hz
        self._ticker = Ticker("guard", period_s, self._tick, self._on_tick_error)

    def deactivate(self) -> None:
        """Stop the robot; returns after the last zero."""
        self._stop_guard(StopReason("deactivated", "the node is leaving its active state"))
        self._deactivating = True
        if self._ticker is not None:
            self._ticker.join()
            self._ticker = None
        self._end_at_zero()
        if self._sent:
            self._publisher.wait_for_all_acked(Duration(seconds=ACKNOWLEDGE_S))
        with self._lock:
            self._guard.reset()

    def cleanup(self) -> None:
        while self._cleanups:
            self._cleanups.pop()()

    def summary(self) -> str:
        guard = self._guard
        dry = "" if self._control else "dry run, nothing is sent (enable_control, then ~/start): "
        if guard.state is GuardState.IDLE:
            return "idle: call ~/start"
        return f"{dry}{guard.state.value}{f': {guard.reason}' if guard.reason else ''}"

    def diagnostic_values(self) -> Mapping[str, object]:
        guard = self._guard
        now = self._now()
        with self._lock:
            age_s = guard.observation_age_s(now)
        return {
            "guard": guard.state.value,
            "reason": guard.reason or "",
            "control": "on" if self._control else "dry run",
            "observation_age_s": "" if age_s is None else f"{age_s:.3f}",
            "max_observation_age_s": guard.options.max_observation_age_s,
            "plans_accepted": guard.plans_accepted,
            "plans_refused": guard.plans_refused,
            "resumed": guard.resumed,
            "scheduling": "real-time" if is_realtime() else "normal",
            "plans_hz": f"{self._plan_rate.hz():.1f}",
            "commands_hz": f"{self._command_rate.hz():.1f}",
            "commands_sent": self._sent,
            "command_topic": self._publisher.topic_name,
            "command_listeners": self._publisher.get_subscription_count(),
            **(self._target_commands.diagnostic_values(now) if self._target_commands else {}),
        }

    def publish_status(self) -> None:
        if self.state == "active":
            self._check_connections()
        super().publish_status()

    def _check_connections(self) -> None:
        """Report a planner with incompatible QoS; stop for a driver that left: it would come back into a motion."""
        qos_mismatch = self._plans.qos_mismatch()
        if qos_mismatch is None:
            self.faults.clear("planner")
        else:
            self.faults.set("planner", Level.ERROR, qos_mismatch)
        no_subscriber = self._no_subscriber()
        if no_subscriber is not None:
            self._stop_guard(no_subscriber)

    def _no_subscriber(self) -> StopReason | None:
        if not self._control or self._publisher.get_subscription_count():
            return None
        topic = self._publisher.topic_name
        return StopReason("nobody listens", f"to {topic}: is the robot's driver up? Then call ~/start")

    def _create_polling_subscription(
        self, message_type: type, topic: str, qos: QoSProfile
    ) -> PollingSubscription:
        subscription = PollingSubscription(self, message_type, topic, qos)
        self._cleanups.append(subscription.close)
        return subscription

    def _now(self) -> ClockReading:
        # Without simulated time ROS time is the system's, which is cheaper to ask for.
        ros_ns = self.get_clock().now().nanoseconds if self._simulated_time else time.time_ns()
        return ClockReading(ros_ns, time.monotonic_ns())

    def parameters_changed(self) -> None:
        """Keep limits and switches as attributes: looking them up at every tick would cost much of it."""
        self._limits = GuardOptions(**{name: self.value(name) for name in OPTIONS})
        self._enabled, self._simulated_time = self.value("enable_control"), self.value("use_sim_time")

    def _tick(self) -> bool:
        """One period, in the ticker's thread; False after the last command when leaving."""
        now = self._now()
        for subscription, callback in self._inputs:
            for message in subscription.take():
                callback(message, now)
        if self._control and not self._enabled:
            self._stop_guard(StopReason("requested", "enable_control was switched off"))
        with self._lock:
            self._guard.options = self._limits
            if self._target_commands is not None:
                self._target_commands.before_tick(now)
            command = self._guard.tick(now)
            publishing = self._guard.publishing
        if command is not None and self._control:
            self._send(command, now)
        self._report()
        return publishing or not self._deactivating

    def _send(self, command: Sequence[float], now: ClockReading) -> None:
        self._publisher.publish(self._fill(self._message, command, self._profile, now.ros_ns))
        self._moving = any(command)
        self._sent += 1
        self._command_rate.add()

    def _end_at_zero(self) -> None:
        """Only for a guard that has failed itself: zero without a ramp is better than a robot that drives on."""
        if self._moving:
            self._send([0.0] * len(self._profile.action), self._now())

    def _on_tick_error(self, error: Exception) -> None:
        self._error = error
        self._failed.trigger()
        self._end_at_zero()

    def _raise(self) -> None:
        """In the executor's thread: what the ticker's thread raised ends the process in order."""
        if self._error is not None:
            raise self._error

    def _stop_guard(self, reason: StopReason) -> None:
        with self._lock:
            self._guard.stop(reason)

    def _report(self) -> None:
        """Tell the diagnostics when the state or the reason has become another one."""
        with self._lock:
            state, reason = self._guard.state, self._guard.reason
        reported = (state, reason and reason.name)
        if reported == self._reported:
            return
        self._reported = reported
        if reason is None or reason.name == "no plan":
            self.faults.clear("guard")
        else:
            level = Level.ERROR if reason.latches and reason.name not in REQUESTED_STOPS else Level.WARN
            self.faults.set("guard", level, f"{state.value}: {reason}")
        self.status_changed()

    def _on_plan(self, message: JointTrajectory, now: ClockReading) -> None:
        self._plan_rate.add()
        refusal: StopReason | None
        try:
            plan = decode_plan(message, self._profile)
        except PlanError as error:
            with self._lock:
                refusal = self._guard.refuse(StopReason("invalid plan", str(error)))
        else:
            with self._lock:
                refusal = self._guard.offer(plan, now)
        if refusal is None:
            self.faults.clear("plan")
        else:
            self.faults.set("plan", Level.WARN, f"plan dropped, {refusal}")

    def _on_state(self, commands: TargetCommands[Any], message: Any, now: ClockReading) -> None:
        with self._lock:
            refusal = commands.update(message, now)
        if refusal is None:
            self.faults.clear("state")
        else:
            self.faults.set("state", Level.WARN, f"measured state dropped, {refusal}")

    def _on_stop_signal(self, message: Bool) -> None:
        now = self._now()
        with self._lock:
            self._guard.signal(message.data, now)

    def _on_incompatible_qos(self, event: Any) -> None:
        self.faults.set("stop", Level.ERROR, incompatible_qos_fix("stop", event.last_policy_kind))

    def _answer(
        self, action: Callable[[], StopReason | None], _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        if self._ticker is None:
            response.message = f"the node is {self.state}: activate it first"
            return response
        with self._lock:
            refusal = action()
        response.success = refusal is None
        response.message = self.summary() if refusal is None else str(refusal)
        self._report()
        return response

    def _start(self) -> StopReason | None:
        if not self._guard.publishing:
            self.parameters_changed()
            self._control = self._enabled
        return self._no_subscriber() or self._guard.start(self._now())

    def _stop_now(self) -> StopReason | None:
        self._guard.stop(StopReason("requested", "by ~/stop; ~/start goes on"))
        return None

    def _reset(self) -> StopReason | None:
        return self._guard.reset()


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of the executable `guard_node`; it is scheduled before other processes where that is allowed."""
    request_realtime()
    # A process that is stopped or killed while it holds shared memory can hold up those who share it for a second.
    return run(GuardNode, args, shared_memory=False)


if __name__ == "__main__":
    sys.exit(main())
