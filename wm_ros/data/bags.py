"""Bags as sources of a recording: camera, commands and episode marks, found by the robot's profile."""

from __future__ import annotations

from pathlib import Path

from wm_ros.data.action_messages import ActionMessages
from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_topics import EPISODE_TOPIC, action_topic, find_topic, image_topic, other_commands
from wm_ros.data.collector import Collector
from wm_ros.data.recording import RecordingError, Topics
from wm_ros.data.stamps import RESTART_NS, HeaderClock
from wm_ros.messages.command import CommandError
from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import decode_image, spare_bytes
from wm_ros.robots.profile import RobotProfile


class BagSource:
    """One rosbag2 recording.

    stamps: `header` dates frames by their header, commands by theirs or, without one, by the recorder's log; `log`
    dates both by the recorder's log. camera, command: topics to read instead of the profile's. An episode begins at
    each message on the `episode` topic.
    """

    def __init__(
        self,
        path: Path,
        profile: RobotProfile,
        stamps: str = "header",
        camera: str | None = None,
        command: str | None = None,
    ) -> None:
        self._bag, self._profile, self._by_log = Bag(path), profile, stamps == "log"
        self._camera = image_topic(self._bag, profile, camera)
        self._actions = action_topic(self._bag, profile, command)
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
        topics = {topic for topic in (self._camera, self._actions, marker) if topic is not None}
        camera_clock, command_clock = HeaderClock(), HeaderClock()
        off_ns, spare = 0, 0
        actions, used = ActionMessages(self._profile, collector), Topics(self._camera, self._actions)
        with collector.source(self._bag.path.name, "bag", self._actions is not None, used):
            for topic, log_ns, message in self._bag.messages(topics):
                try:
                    if topic == self._camera:
                        jumps = camera_clock.jumps
                        stamp_ns = log_ns if self._by_log else camera_clock(message, log_ns)
                        if camera_clock.jumps > jumps:
                            collector.cut()
                            actions.restart()
                        if stamp_ns is None:
                            collector.lose(
                                "frames without a stamp in their header (`--stamps log` goes by the time of recording)"
                            )
                            continue
                        off_ns = max(off_ns, stamp_ns - log_ns, key=abs)
                        spare = max(spare, spare_bytes(message))
                        collector.frame(stamp_ns, decode_image(message))
                    elif topic == self._actions:
                        stamp_ns = log_ns if self._by_log else command_clock(message, log_ns)
                        actions.add(stamp_ns or log_ns, message)
                    else:
                        collector.cut()
                        actions.restart()
                except (ImageError, CommandError) as error:
                    collector.lose(f"messages, {topic}: {error}")
            actions.check()
            for note in (*self._notes(spare, camera_clock.jumps), *self._bag.notes):
                collector.note(note)
        if camera_clock.unstamped and not camera_clock.stamped:
            raise RecordingError(
                f"{self._bag.path}: all {camera_clock.unstamped} frames on {self._camera} have a stamp of zero: the "
                "camera driver does not stamp them. Train and evaluate by the time of recording with `--stamps log`; "
                "live, the robot needs a driver that stamps"
            )
        if command_clock.unstamped and abs(off_ns) > RESTART_NS:
            raise RecordingError(
                f"{self._bag.path}: frames on {self._camera} are stamped up to {off_ns * 1e-9:+.1f} s off the "
                "recorder's clock, which dates commands without a header: which belong together is unknown. Go by the "
                "time of recording with `--stamps log`, record with the camera's clock (`ros2 bag record "
                "--use-sim-time`), or publish commands with a header"
            )

    def _notes(self, spare: int, jumps: int) -> list[str]:
        notes = []
        if self._actions is None and (hint := other_commands(self._bag, self._profile)):
            notes.append(hint)
        if self._profile.learns_from_places:
            notes.append(f"actions are the rates between {self._profile.action_source}")
        if self._by_log:
            notes.append("frames and commands are dated by the time of recording (`--stamps log`)")
        if jumps:
            notes.append(
                f"the camera's clock jumped {jumps} times: what lies before and after are runs of their own, laid "
                "beside the commands by the time of recording"
            )
        if spare:
            notes.append(f"frames have up to {spare} bytes more than step x rows; the first rows are used")
        return notes
