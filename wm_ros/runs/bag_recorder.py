"""Writes a robot's topics to a bag, as bytes, without decoding them."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from wm_ros.data.bag_topics import EPISODE_TOPIC
from wm_ros.data.bag_writer import BagWriter
from wm_ros.ros.message_class import message_class

DISCOVERY_S = 0.2
DEPTH = 100  # a writer that waits for the disk must not lose messages


class Recorder(Node):
    """Subscribes to the bag's topics as soon as somebody publishes them, with a QoS that fits the publisher.

    Writes only between `begin_episode` and `end_episode`, so that what happens between episodes is left out.
    `missing` are the topics that nobody has published so far.
    """

    def __init__(self, bag: BagWriter, **node_options: Any) -> None:
        super().__init__("recorder", **node_options)
        self._bag = bag
        self._recording = False
        self.missing = set(bag.topics) - {EPISODE_TOPIC}
        self.create_timer(DISCOVERY_S, self._subscribe)

    def begin_episode(self, number: int) -> None:
        """Mark a new episode and write from now on."""
        self._bag.episode(self._now_ns(), number)
        self._recording = True

    def end_episode(self) -> None:
        """Write nothing until the next episode begins."""
        self._recording = False

    def _subscribe(self) -> None:
        for topic in sorted(self.missing):
            offers = self.get_publishers_info_by_topic(topic)
            if not offers:
                continue
            reliable = all(offer.qos_profile.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
            reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
            self.create_subscription(
                message_class(self._bag.topics[topic]),
                topic,
                partial(self._write, topic),
                QoSProfile(depth=DEPTH, reliability=reliability),
                raw=True,
            )
            self.missing.remove(topic)

    def _write(self, topic: str, data: bytes) -> None:
        if self._recording:
            self._bag.write(topic, self._now_ns(), data)

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds
