"""The guard's state machine: plans, stop signals and time in, one bounded command per tick or silence out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from wm_ros.messages.plan import Plan
from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.limiter import Limiter
from wm_ros.safety.observation_gate import ClockReading, ObservationGate
from wm_ros.safety.stop_reason import StopReason


class GuardState(str, Enum):
    """Silent: idle, waiting, stopped. Publishing: active, stopping, holding."""

    IDLE = "idle"  # until `start`
    WAITING = "waiting"  # for the first valid plan
    ACTIVE = "active"  # following plans
    STOPPING = "stopping"  # ramping down
    HOLDING = "holding"  # zeros for stop_hold_s
    STOPPED = "stopped"  # until `start`


_ARMED = (GuardState.WAITING, GuardState.ACTIVE, GuardState.STOPPING, GuardState.HOLDING)
_PUBLISHING = (GuardState.ACTIVE, GuardState.STOPPING, GuardState.HOLDING)


@dataclass(frozen=True)
class GuardOptions:
    """The limits in time, in seconds; the guard node's parameters of the same names."""

    max_observation_age_s: float = 0.3
    future_tolerance_s: float = 0.05
    clock_jump_s: float = 0.5
    stop_hold_s: float = 1.0
    stop_heartbeat_timeout_s: float = 0.0  # 0: no heartbeat required


class Guard:
    """Decides the robot's command every period: `tick` returns the command [A], or None for silence.

    Reasons that name a hiccup (observation too old, plan ended) let the robot go on by itself when a fresh
    plan comes while it is still stopping or holding; every other reason, and `stopped`, wait for `start`.
    Whatever the reason, the stop is the same: ramp, zeros for stop_hold_s, silence.
    """

    def __init__(self, profile: RobotProfile, options: GuardOptions | None = None):
        period_s = 1.0 / profile.command.rate_hz
        if profile.command.timeout_s < 2.0 * period_s:
            raise ValueError(
                f"command.timeout_s {profile.command.timeout_s} of profile {profile.name} is shorter than "
                f"two periods of command.rate_hz {profile.command.rate_hz}: the robot would stop in between"
            )
        self.options = options or GuardOptions()
        self.state = GuardState.IDLE
        self.reason: StopReason | None = None
        self.blocking_reason: StopReason | None = None  # another reason not to move; it must not latch
        # What of a wanted velocity [A] does not lead out of the range of a robot that is told targets; None for others.
        self.bound: Callable[[Sequence[float]], Sequence[float]] | None = None
        self.plans_accepted = self.plans_refused = self.resumed = 0
        self._timeout_s = profile.command.timeout_s
        self._period_s = period_s
        self._limiter = Limiter(profile, period_s)
        self._gate = ObservationGate()
        self._plan: Plan | None = None
        self._last_tick: ClockReading | None = None
        self._hold_until_ns = 0
        self._stop_signal: bool | None = None
        self._signal_ns = 0

    @property
    def publishing(self) -> bool:
        """Whether the stop is still to be finished by further ticks."""
        return self.state in _PUBLISHING

    def observation_age_s(self, now: ClockReading) -> float | None:
        """Age of the newest observation behind a plan, None without one."""
        return self._gate.age_s(now)

    def start(self, now: ClockReading) -> StopReason | None:
        """Arm from idle or stopped; returns why not. Plans from before do not count."""
        if self.state in _ARMED:
            if self.state in (GuardState.STOPPING, GuardState.HOLDING):
                name = "" if self.reason is None else self.reason.name
                return StopReason("still stopping", f"wait for the end of the stop ({name})")
            return None
        if self._stop_signal:
            return StopReason("stop topic", "it says true: publish false on `stop` first")
        refusal = self._heartbeat_lost(now) or self.blocking_reason
        if refusal is not None:
            return refusal
        self._limiter.reset()
        self._gate.reset()
        self._plan = None
        self.state = GuardState.WAITING
        self.reason = None
        return None

    def stop(self, reason: StopReason) -> None:
        """Stop now, whatever the state; the first reason that latches stays. Without effect when idle."""
        if self.state not in _ARMED or (self.reason is not None and self.reason.latches):
            return
        self.reason = reason
        self.state = GuardState.STOPPING if self.publishing else GuardState.STOPPED

    def reset(self) -> StopReason | None:
        """From stopped to idle, forgetting the reason; returns why not."""
        if self.state in _ARMED:
            return StopReason("not stopped", f"the guard is {self.state.value}: call ~/stop first")
        self.state = GuardState.IDLE
        self.reason = None
        return None

    def offer(self, plan: Plan, now: ClockReading) -> StopReason | None:
        """A plan arrived: follow it from the next tick, or return why it was dropped."""
        if self.state not in _ARMED:
            return None
        refusal = self._gate.admit(plan.stamp_ns, now, self.options.future_tolerance_s)
        if refusal is not None:
            return self.refuse(refusal)
        self._plan = plan
        self.plans_accepted += 1
        return None

    def refuse(self, refusal: StopReason) -> StopReason:
        """A plan was dropped whole; it refreshes nothing, and stops the robot if the reason latches."""
        self.plans_refused += 1
        if refusal.latches:
            self.stop(refusal)
        return refusal

    def signal(self, stop: bool, now: ClockReading) -> None:
        """A message on the stop topic: true stops and latches, false is the heartbeat."""
        self._stop_signal, self._signal_ns = stop, now.steady_ns
        if stop:
            self.stop(StopReason("stop topic", "it said true: publish false, then call ~/start"))

    def tick(self, now: ClockReading) -> tuple[float, ...] | None:
        """The command for this period in SI units, [A]; None when nothing may be published."""
        dt_s = 0.0 if self._last_tick is None else (now.steady_ns - self._last_tick.steady_ns) / 1e9
        self._last_tick = now
        if self.publishing and dt_s > self._timeout_s:
            # Going on from the old velocity would jerk a robot that its driver has stopped meanwhile.
            self._limiter.reset()
            self.stop(
                StopReason(
                    "guard held up",
                    f"no command for {dt_s:.2f} s > command.timeout_s {self._timeout_s} s, the robot stopped "
                    "itself: give the guard its share of CPU, then call ~/start",
                )
            )
        for reason in (self._gate.clock_jump(now, self.options.clock_jump_s), self._heartbeat_lost(now)):
            if reason is not None:
                self.stop(reason)
        if self.bound is not None and dt_s > 0.0:
            # Each message moves a target by one period of the velocity, also one that comes early.
            dt_s = self._period_s
        self._follow_or_stop(now)
        wanted = None if self._plan is None else self._plan.rate_at(now.ros_ns)
        if self.state is GuardState.ACTIVE and wanted is not None:  # without one, it is not active any more
            return self._limiter.track(wanted if self.bound is None else self.bound(wanted), dt_s)
        if self.state is GuardState.STOPPING:
            command = self._limiter.brake(dt_s)
            if self._limiter.at_rest:
                self.state = GuardState.HOLDING
                self._hold_until_ns = now.steady_ns + round(self.options.stop_hold_s * 1e9)
            return command
        if self.state is GuardState.HOLDING:
            if now.steady_ns <= self._hold_until_ns:
                return self._limiter.brake(dt_s)
            self.state = GuardState.STOPPED
        return None

    def _follow_or_stop(self, now: ClockReading) -> None:
        if self.state not in _ARMED or (self.reason is not None and self.reason.latches):
            return
        stale = (
            self.blocking_reason
            or self._gate.too_old(now, self.options.max_observation_age_s)
            or self._plan_ended(now)
        )
        if stale is None:
            self.resumed += self.state in (GuardState.STOPPING, GuardState.HOLDING)
            self.state = GuardState.ACTIVE
            self.reason = None
        elif self.state is GuardState.ACTIVE:
            self.stop(stale)
        elif self.state is GuardState.WAITING:
            self.reason = stale

    def _plan_ended(self, now: ClockReading) -> StopReason | None:
        if self._plan is None or self._plan.rate_at(now.ros_ns) is not None:
            return None
        over_s = (now.ros_ns - self._plan.end_ns) / 1e9
        text = f"{over_s:.2f} s ago: speed up the planner or let it plan further ahead"
        return StopReason("plan ended", text, latches=False)

    def _heartbeat_lost(self, now: ClockReading) -> StopReason | None:
        limit_s = self.options.stop_heartbeat_timeout_s
        if limit_s <= 0.0:
            return None
        silent_s = (now.steady_ns - self._signal_ns) / 1e9
        if self._stop_signal is not None and silent_s <= limit_s:
            return None
        since = "ever" if self._stop_signal is None else f"for {silent_s:.2f} s"
        return StopReason(
            "stop heartbeat lost",
            f"nothing on `stop` {since}, limit {limit_s} s: publish false at a rate, then call ~/start",
        )
