"""Records the commands to a robot in a fault round: every command with the time at which it was sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from wm_ros.messages.places import CommandRates
from wm_ros.robots.profile import RobotProfile
from wm_ros.ros.message_class import message_class
from wm_ros.safety.command_checks import out_of_limits, seconds_to_zero

if TYPE_CHECKING:
    from rclpy.subscription import MessageInfo

ALL = QoSProfile(depth=2000, reliability=ReliabilityPolicy.RELIABLE)


class CommandRecorder:
    """Records the commands to the robot since `reset`, from rest.

    Times are those at which the commands were handed to the middleware: on a busy machine the listener is held up for
    longer than the guard, whose threads come first. How late they were heard at most is a figure of its own. measured:
    where a robot that is told targets last said that it is.
    """

    def __init__(
        self, node: Node, profile: RobotProfile, measured: Callable[[], np.ndarray | None] = lambda: None
    ) -> None:
        self._profile, self._measured = profile, measured
        self.reset()
        kind = message_class(profile.command.type)
        self._subscription: Subscription[Any] = node.create_subscription(
            kind, profile.command.topic, self._on_command, ALL
        )

    def reset(self) -> None:
        self._rates = CommandRates(self._profile, self._measured)
        self._commands: list[np.ndarray] = []
        self._numbers: list[int] = []  # that the guard's publisher gave them
        self._sent_ns: list[int] = []
        self.heard_late_s = 0.0
        self._heard_s = time.monotonic()

    @property
    def share_of_top_speed(self) -> float:
        """Of the component that is nearest to its limit; 0 at rest."""
        if not self._commands:
            return 0.0
        return float((abs(self._commands[-1]) / self._profile.high).max())

    @property
    def at_rest(self) -> bool:
        return not self._commands or not self._commands[-1].any()

    @property
    def silent_s(self) -> float:
        """Seconds since the last command."""
        return time.monotonic() - self._heard_s

    def seconds_to_zero(self, since_ns: int) -> float | None:
        """From a moment of system time to the first zero after which all are zero; None without one."""
        if not self._commands:
            return None
        return seconds_to_zero(since_ns, np.array(self._sent_ns), np.array(self._commands))

    def followed_at_ns(self) -> np.ndarray:
        """System times at which commands were sent that were not part of a stop: some component does not slow down."""
        speed = abs(np.array(self._commands))
        following = (speed[1:] >= speed[:-1]).any(axis=1) & speed[1:].any(axis=1)
        return np.array(self._sent_ns[1:])[following]

    def violations(self) -> list[str]:
        """Each command that broke a limit of velocity or acceleration, in words.

        After a pause longer than command.timeout_s the robot has stopped itself, so that it starts from rest. A
        command that the middleware dropped for a newer one counts as the mean of its neighbours.
        """
        found, begin = [], 0
        for end in (*self._pauses(), len(self._commands)):
            # A publisher that was started again counts from the beginning: no message was lost then.
            steps = np.maximum(np.diff(self._numbers[begin:end]), 1)
            at, commands = np.concatenate([[0], np.cumsum(steps)]), np.array(self._commands[begin:end])
            if len(commands):
                every = np.arange(at[-1] + 1)
                interpolated = np.stack([np.interp(every, at, component) for component in commands.T], axis=1)
                broken = np.flatnonzero(out_of_limits(interpolated, self._profile))
                found += [self._in_words(begin + int(np.searchsorted(at, one))) for one in broken]
            begin = end
        return found

    def _in_words(self, index: int) -> str:
        sent_ns, numbers = (
            series[max(index - 1, 0) : index + 1] for series in (self._sent_ns, self._numbers)
        )
        before, now = (self._commands[at].round(4).tolist() for at in (max(index - 1, 0), index))
        return (
            f"command {index} of {self.count} was {now}, {1e-6 * (sent_ns[-1] - sent_ns[0]):.1f} ms after {before}, "
            f"with {numbers[-1] - numbers[0] - 1 if index else 0} lost in between"
        )

    def _pauses(self) -> np.ndarray:
        """Which commands came to a robot that had stopped itself.

        By the times at which they were sent: on a busy machine a late arrival before the pause shortens it for the
        listener. The guard measures from tick to tick, so a zero may end a pause that is up to a period shorter.
        """
        timeout_s, period_s = self._profile.command.timeout_s, 1.0 / self._profile.command.rate_hz
        gaps_s = np.diff(self._sent_ns) * 1e-9
        zero = ~np.any(self._commands, axis=1)[1:]
        return np.flatnonzero(gaps_s > timeout_s - period_s * zero) + 1

    def heard_since(self, since_ns: int) -> bool:
        """Whether anything was said from a moment of system time on."""
        return bool(self._sent_ns) and self._sent_ns[-1] >= since_ns

    @property
    def count(self) -> int:
        """Commands so far."""
        return len(self._commands)

    def moved_since(self, count: int) -> bool:
        """Whether one of the commands after the first so many was not zero."""
        return any(command.any() for command in self._commands[count:])

    def _on_command(self, message: Any, info: MessageInfo) -> None:
        self._heard_s = time.monotonic()
        self.heard_late_s = max(
            self.heard_late_s, 1e-9 * (info["received_timestamp"] - info["source_timestamp"])
        )
        # A middleware that does not number its messages tells of no loss.
        number, sent_ns = info["publication_sequence_number"] or 0, info["source_timestamp"]
        periods = number - self._numbers[-1] if self._numbers else 1
        self._numbers.append(number)
        self._sent_ns.append(sent_ns)
        self._commands.append(self._rates(message, sent_ns, periods))
