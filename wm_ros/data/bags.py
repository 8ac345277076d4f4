"""Bags as sources of a recording: camera, commands and episode marks, found by the robot's profile."""

from __future__ import annotations

from pathlib import Path

from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_topics import EPISODE_TOPIC, command_topic, find_topic, image_topic
from wm_ros.data.collector import RESTART_S, Collector
from wm_ros.data.recording import RecordingError
from wm_ros.messages.command import CommandError, read_command
from wm_ros.messages.image import ImageError, decode_image, spare_bytes
from wm_ros.messages.stamp import to_ns
from wm_ros.robots.profile import RobotProfile


class BagSource:
    """One rosbag2 recording.

    Frames are dated by their header, commands by theirs or, without one, by the recorder's log. An episode begins at
    each message on the `episode` topic.
    """

    def __init__(self, path: Path, profile: RobotProfile) -> None:
        self._bag, self._profile = Bag(path), profile
        self._camera = image_topic(self._bag, profile)
        self._commands = command_topic(self._bag, profile)
        self.frame_count = self._bag.counts[self._camera]

    def sizes(self) -> set[tuple[int, int]]:
        """Height and width of the first frame that can be decoded."""
        for _, _, message in self._bag.messages([self._camera]):
            try:
                return {decode_image(message).shape[:2]}
            except ImageError:
                continue
        return set()

    def read(self, collector: Collector) -> None:
        """Hand everything over; raises RecordingError when commands cannot be laid beside the frames."""
        marker = find_topic(self._bag.topics, EPISODE_TOPIC)
        topics = {self._camera, self._commands, marker} - {None}
        off_ns, log_dated, spare = 0, False, 0
        with collector.source(self._bag.path.name, "bag", labelled=self._commands is not None):
            for topic, log_ns, message in self._bag.messages(topics):
                try:
                    if topic == self._camera:
                        stamp_ns = to_ns(message.header.stamp)
                        if stamp_ns:
                            off_ns = max(off_ns, stamp_ns - log_ns, key=abs)
                        spare = max(spare, spare_bytes(message))
                        collector.frame(stamp_ns, decode_image(message))
                    elif topic == self._commands:
                        stamp_ns = to_ns(message.header.stamp) if hasattr(message, "header") else 0
                        log_dated |= stamp_ns == 0
                        vector = read_command(message, self._profile)
                        collector.command(stamp_ns or log_ns, vector, self._profile.command.timeout_s)
                    else:
                        collector.cut()
                except (ImageError, CommandError) as error:
                    collector.lose(f"messages, {topic}: {error}")
            if spare:
                collector.note(
                    f"frames have up to {spare} bytes more than step x rows; the first rows are used"
                )
            for note in self._bag.notes:
                collector.note(note)
        if log_dated and abs(off_ns) > RESTART_S * 1e9:
            raise RecordingError(
                f"{self._bag.path}: frames are stamped up to {off_ns * 1e-9:+.1f} s off the recorder's clock, which "
                "dates commands without a header: which belong together is unknown; record with the camera's clock "
                "(`ros2 bag record --use-sim-time`), or publish commands with a header"
            )
