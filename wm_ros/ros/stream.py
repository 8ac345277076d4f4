"""A subscription to a stream of stamped observations that says why nothing usable comes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from rclpy.qos import QoSProfile

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

from wm_ros.messages.stamp import to_ns
from wm_ros.ros.diagnostics import Level
from wm_ros.ros.lifecycle import ManagedNode
from wm_ros.ros.qos import incompatible_qos_fix
from wm_ros.ros.rate import Rate
from wm_ros.safety.repeated_frames import RepeatedFrames

# Stamps this much older than the last one mean that the source began anew (a bag's loop, a simulation's
# reset), not that two frames changed places.
RESTART_NS = 1_000_000_000


class Stream:
    """Hands on each message that is newer than the last and not too old; counts the others by reason.

    `on_message(message)` runs in the executor's thread and must be quick. `on_restart()` comes before the first
    message after the stamps jumped back. `source` names the stream in faults, `fix` ends the sentence
    "no publisher on <topic>: ...". `max_age_s` 0 takes messages of any age. `repeated` refuses pictures that
    were there before; None where that is no sign of a frozen camera.
    """

    def __init__(
        self,
        node: ManagedNode,
        message_type: type,
        topic: str,
        qos: QoSProfile,
        on_message: Callable[[Any], None],
        on_restart: Callable[[], None],
        *,
        source: str,
        fix: str,
        timeout_s: float,
        max_age_s: float,
        repeated: RepeatedFrames | None = None,
    ):
        self.dropped: Counter[str] = Counter()
        self.received = 0
        self.rate = Rate()
        self.newest: Any = None
        self._node = node
        self._type = f"{message_type.__module__.split('.')[0]}/msg/{message_type.__name__}"
        self._qos = qos
        self._on_accepted = on_message
        self._on_restart = on_restart
        self._source = source
        self._fix = fix
        self._timeout_s = timeout_s
        self._max_age_s = max_age_s
        self._repeated = repeated
        self._stamp_ns: int | None = None
        self._arrived_s = -float("inf")
        self._accepted_s = time.monotonic()
        self._refusal = ""
        self._incompatible = ""
        self.subscription = node.create_subscription(
            message_type,
            topic,
            self._on_message,
            qos,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos),
        )
        self.topic = self.subscription.topic_name

    def check(self) -> None:
        """Raise the stream's fault when nothing usable came for `timeout_s` of steady time."""
        if time.monotonic() - self._accepted_s > self._timeout_s:
            self.newest = None
            self._node.faults.set(self._source, Level.ERROR, self._silence_reason())

    def close(self) -> None:
        self._node.destroy_subscription(self.subscription)

    def _on_message(self, message: Any) -> None:
        self.received += 1
        self.rate.add()
        self._arrived_s = time.monotonic()
        stamp_ns = to_ns(message.header.stamp)
        refusal = self._refuse(stamp_ns) or self._refuse_repeated(message)
        if refusal is not None:
            reason, self._refusal = refusal
            self.dropped[reason] += 1
            return
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns:
            self._node.get_logger().warning(
                f"stamps on {self.topic} jumped back: starting anew", throttle_duration_sec=5.0
            )
            self._on_restart()
            if self._repeated is not None:
                self._repeated.reset()
        self._stamp_ns = stamp_ns
        self._accepted_s = self._arrived_s
        self.newest = message
        self._node.faults.clear(self._source)
        self._on_accepted(message)

    def _refuse(self, stamp_ns: int) -> tuple[str, str] | None:
        if stamp_ns == 0:
            return "unstamped", f"messages on {self.topic} have no stamp: make the driver set header.stamp"
        age_s = (self._node.get_clock().now().nanoseconds - stamp_ns) * 1e-9
        if 0.0 < self._max_age_s < age_s:
            return "too_old", (
                f"messages on {self.topic} are {age_s:.1f} s old on arrival, the limit is {self._max_age_s} s"
                ": synchronise the clocks, set use_sim_time when replaying, or raise max_image_age_s"
            )
        if self._stamp_ns is not None and self._stamp_ns - RESTART_NS < stamp_ns <= self._stamp_ns:
            return "stamp_not_increasing", (
                f"stamps on {self.topic} do not increase: its source is frozen, or two publishers share "
                "the topic"
            )
        return None

    def _refuse_repeated(self, message: Any) -> tuple[str, str] | None:
        age_s = self._repeated and self._repeated.age_s(message.data, self._arrived_s)
        if age_s is None:
            return None
        return "frozen", (
            f"frames on {self.topic} are the same, bit for bit, since {age_s:.1f} s, though their stamps are new: the "
            "camera or its driver is frozen (a simulated one without noise: `noise: false` under camera in the "
            "profile; one that repeats frames in a still scene: raise frozen_camera_s)"
        )

    def _silence_reason(self) -> str:
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        if not publishers:
            return f"no publisher on {self.topic}: {self._fix}"
        types = sorted({publisher.topic_type for publisher in publishers})
        if self._type not in types:
            return f"{self.topic} carries {', '.join(types)}, expected {self._type}: {self._fix}"
        if time.monotonic() - self._arrived_s <= self._timeout_s:
            return self._refusal
        if self._incompatible:
            return self._incompatible
        return (
            f"{len(publishers)} publisher(s) on {self.topic} but no message for {self._timeout_s} s (read "
            f"{self._qos.reliability.name.lower()}, depth {self._qos.depth}): the source stands still, or "
            "its messages are lost: Fast DDS needs config/fastdds.xml for large images, on both sides"
        )

    def _on_incompatible_qos(self, event: Any) -> None:
        self._incompatible = incompatible_qos_fix(self.topic, event.last_policy_kind)
        self._node.get_logger().warning(self._incompatible)
