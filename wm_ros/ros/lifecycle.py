"""The lifecycle of every wm_ros node: transitions that say why they fail, checked parameters, a heartbeat."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from wm_ros.printable import printable
from wm_ros.ros.diagnostics import Faults, Level
from wm_ros.ros.parameters import Parameter, Value, declare
from wm_ros.ros.qos import LATCHED

HEARTBEAT_S = 1.0
AUTOSTART = Parameter("autostart", False, "Configure and activate without waiting for a lifecycle manager.")

SUCCESS, FAILURE, ERROR = (
    TransitionCallbackReturn.SUCCESS,
    TransitionCallbackReturn.FAILURE,
    TransitionCallbackReturn.ERROR,
)


class ManagedNode(LifecycleNode):
    """A lifecycle node that fails loudly and reports once a second.

    Children implement `configure`, `activate`, `deactivate` and `cleanup`, and raise when they cannot do
    their work: the error is logged with its traceback, shown in the diagnostics, and the transition fails.
    `deactivate` and `cleanup` also undo a half-done `activate` or `configure`, so they must cope with any
    part of it. They may take their time: the guard ramps the robot down inside `deactivate`.

    Publishes diagnostic_msgs/DiagnosticArray on `/diagnostics` and, latched, on `~/status`: every second of
    steady time (also while inactive or while simulated time stands still) and when level or message change.
    """

    def __init__(self, name: str, parameters: Sequence[Parameter] = (), **node_options: Any):
        super().__init__(name, **node_options)
        self._parameter_table = {parameter.name: parameter for parameter in (*parameters, AUTOSTART)}
        declare(self, tuple(self._parameter_table.values()))
        self._warn_of_unknown_parameters()
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.faults = Faults(self.get_logger(), self.status_changed)
        self._failure = ""
        self._published_status: tuple[Level, str] | None = None
        self._status_publishers = (
            self.create_publisher(DiagnosticArray, "/diagnostics", 10),
            self.create_publisher(DiagnosticArray, "~/status", LATCHED),
        )
        self.create_timer(HEARTBEAT_S, self.publish_status, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._status_guard = self.create_guard_condition(self._publish_changed_status)
        # rclpy's callback for after a change is not in Humble, so the one before it has this one follow.
        self._changes_guard = self.create_guard_condition(self.parameters_changed)
        self._refuse_invalid_transitions()
        if self.value("autostart"):
            self._autostart_guard = self.create_guard_condition(self._autostart)
            self._autostart_guard.trigger()

    # What children implement.

    def configure(self) -> None:
        """Build everything the node needs; raise when something is missing."""

    def activate(self) -> None:
        """Start working."""

    def deactivate(self) -> None:
        """Stop working; return when it has stopped."""

    def cleanup(self) -> None:
        """Release what `configure` built."""

    def parameters_changed(self) -> None:
        """Parameters were set to values that passed all checks; in the executor's thread."""

    def check_parameters(self, values: Mapping[str, Value]) -> None:
        """Raise ValueError when values that are fine one by one do not fit together."""

    def summary(self) -> str:
        """One line for people while the node is active and nothing is wrong."""
        return "running"

    def diagnostic_values(self) -> Mapping[str, object]:
        """Key and value pairs of the diagnostics while the node is configured."""
        return {}

    # What children use.

    def value(self, name: str) -> Any:
        """The parameter's present value."""
        return self.get_parameter(name).value

    def values(self) -> dict[str, Value]:
        """All values of the node's own parameter table."""
        return {name: self.value(name) for name in self._parameter_table}

    @property
    def state(self) -> str:
        """Lifecycle state: unconfigured, inactive, active, finalized, or a transition's name."""
        return self._state_machine.current_state[1]

    def status_changed(self) -> None:
        """Have the status published soon if level or message differ; callable from any thread."""
        self._status_guard.trigger()

    def figures_changed(self) -> None:
        """Have the status published soon though level and message are the same; callable from any thread."""
        self._published_status = None
        self._status_guard.trigger()

    def status(self) -> tuple[Level, str]:
        """Level and message of the diagnostics."""
        if self.state == "active":
            level, message = self.faults.worst()
            return level, message or self.summary()
        if self._failure:
            return Level.ERROR, self._failure
        step = {"unconfigured": "configure", "inactive": "activate"}.get(self.state)
        fix = f": `ros2 lifecycle set {self.get_fully_qualified_name()} {step}`" if step else ""
        return Level.WARN, f"{self.state}{fix}"

    def publish_status(self) -> None:
        """Publish diagnostics now; only from the executor's thread."""
        self._published_status = level, message = self.status()
        figures: dict[str, object] = {"state": self.state}
        if self.state in ("inactive", "active"):
            figures.update(self.diagnostic_values())
        array = DiagnosticArray()
        array.header.stamp = self.get_clock().now().to_msg()
        array.status = [
            DiagnosticStatus(
                level=bytes([level]),
                name=self.get_fully_qualified_name().lstrip("/"),
                message=message,
                values=[KeyValue(key=key, value=str(value)) for key, value in figures.items()],
            )
        ]
        for publisher in self._status_publishers:
            publisher.publish(array)

    def on_exit(self) -> None:
        """Leave in order from any state: deactivate, cleanup, shutdown, a last status. Never raises."""
        for state, step in (
            ("active", self.trigger_deactivate),
            ("inactive", self.trigger_cleanup),
            ("unconfigured", self.trigger_shutdown),
            (None, self.publish_status),
        ):
            if state in (None, self.state):
                try:
                    step()
                except Exception:
                    self.get_logger().error(
                        printable(f"on the way out, {self.state}:\n{traceback.format_exc()}")
                    )

    # Transitions: rclpy swallows what they raise, so nothing is raised out of them.

    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        def checked_configure() -> None:
            values = self.values()
            for name, value in values.items():
                self._parameter_table[name].check(value)
            self.check_parameters(values)
            self.configure()

        return SUCCESS if self._run_transition("configure", checked_configure, undo=self.cleanup) else FAILURE

    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        return SUCCESS if self._run_transition("activate", self.activate, undo=self._stop) else FAILURE

    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        return SUCCESS if self._run_transition("deactivate", self._stop) else ERROR

    def on_cleanup(self, _: LifecycleState) -> TransitionCallbackReturn:
        return SUCCESS if self._run_transition("cleanup", self.cleanup) else ERROR

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        def leave() -> None:
            if state.label == "active":
                self._stop()
            if state.label in ("active", "inactive"):
                self.cleanup()

        return SUCCESS if self._run_transition("shutdown", leave) else ERROR

    def on_error(self, _: LifecycleState) -> TransitionCallbackReturn:
        """After a failed way down: one more cleanup, then unconfigured; finalized if that fails too."""
        reason = self._failure
        done = self._run_transition("error recovery", self.cleanup)
        self._failure = self._failure or reason
        return SUCCESS if done else FAILURE

    def _stop(self) -> None:
        try:
            self.deactivate()
        finally:
            self.faults.clear_all()

    def _run_transition(
        self, step: str, action: Callable[[], None], undo: Callable[[], None] | None = None
    ) -> bool:
        self.status_changed()  # delivered after the transition, when the state is the new one
        try:
            action()
        except Exception as error:
            self._failure = f"{step} failed: {error}"
            self.get_logger().error(printable(f"{self._failure}\n{traceback.format_exc()}"))
        else:
            self._failure = ""
            return True
        if undo is not None:
            try:
                undo()
            except Exception:
                self.get_logger().error(printable(f"undoing a failed {step}:\n{traceback.format_exc()}"))
        return False

    def _warn_of_unknown_parameters(self) -> None:
        # rclpy ignores them without a word, and a misspelt limit would silently be the default.
        for name in self._parameter_overrides:
            if not self.has_parameter(name) and not name.startswith("qos_overrides."):
                similar = difflib.get_close_matches(name, self._parameter_table, n=1)
                hint = (
                    f"did you mean {similar[0]}?"
                    if similar
                    else f"known: {', '.join(sorted(self._parameter_table))}"
                )
                self.get_logger().warning(printable(f"parameter {name} is unknown here and ignored; {hint}"))

    def _autostart(self) -> None:
        if self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def _refuse_invalid_transitions(self) -> None:
        # Up to Jazzy an impossible request raises out of the executor and would end the process.
        service = self._service_change_state
        answer = service.callback

        def answer_or_refuse(request: Any, response: Any) -> Any:
            try:
                return answer(request, response)
            except rclpy_implementation.RCLError as error:
                wanted = request.transition.label or request.transition.id
                self.get_logger().error(f"transition {wanted} refused in state {self.state}: {error}")
                response.success = False
                return response

        service.callback = answer_or_refuse

    def _publish_changed_status(self) -> None:
        if self.status() != self._published_status:
            self.publish_status()

    def _on_set_parameters(self, changes: Sequence[Any]) -> SetParametersResult:
        try:
            for change in changes:
                own = self._parameter_table.get(change.name)
                if own is None:
                    continue
                own.check(change.value)
                if own.read_only and self.state != "unconfigured" and change.value != self.value(change.name):
                    raise ValueError(
                        f"parameter {change.name} is read at configure and the node is {self.state}: "
                        "deactivate and clean up first"
                    )
            self.check_parameters(
                {**self.values(), **{c.name: c.value for c in changes if c.name in self._parameter_table}}
            )
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._changes_guard.trigger()
        return SetParametersResult(successful=True)
