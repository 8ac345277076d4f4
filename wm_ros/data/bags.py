"""Bags as sources of a recording: camera, commands and episode marks, found by the robot's profile."""

from __future__ import annotations

from pathlib import Path

from wm_ros.data.action_messages import ActionMessages
from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_topics import EPISODE_TOPIC, action_topic, find_topic, image_topics, other_commands
from wm_ros.data.collector import Collector
from wm_ros.data.recording import RecordingError, Topics
from wm_ros.data.stamps import RESTART_NS, HeaderClock
from wm_ros.messages.command import CommandError
from wm_ros.messages.compressed import ImageError
from wm_ros.messages.frame_sets import FrameSets
from wm_ros.messages.image import decode_image, spare_bytes
from wm_ros.messages.views import joined
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
        self._cameras = image_topics(self._bag, profile, camera)
        self._actions = action_topic(self._bag, profile, command)
        self.frame_count = min(self._bag.counts[topic] for topic in self._cameras)

    def sizes(self) -> set[tuple[int, int]]:
        """Height and width of the first frame that can be decoded; of several cameras, of the square of each."""
        found = [shape for topic in self._cameras if (shape := self._size(topic)) is not None]
        if len(self._cameras) == 1 or not found:
            return set(found)
        side = min(map(min, found))
        return {(side, side)}

    def _size(self, camera: str) -> tuple[int, int] | None:
        for _, _, message in self._bag.messages([camera]):
            try:
                height, width = decode_image(message).shape[:2]
                return height, width
            except ImageError:
                continue
        return None

    def read(self, collector: Collector) -> None:
        """Hand everything over; raises RecordingError when commands cannot be laid beside the frames."""
        marker = find_topic(self._bag.topics, EPISODE_TOPIC)
        topics = {topic for topic in (*self._cameras, self._actions, marker) if topic is not None}
        camera_clocks = {topic: HeaderClock() for topic in self._cameras}
        command_clock, sets = HeaderClock(), FrameSets(len(self._cameras), self._profile.frames_apart_s)
        off_ns, spare, sets_seen = 0, 0, 0
        used = Topics(", ".join(self._cameras), self._actions)
        actions = ActionMessages(self._profile, collector)
        with collector.source(self._bag.path.name, "bag", self._actions is not None, used):
            for topic, log_ns, message in self._bag.messages(topics):
                try:
                    if topic in camera_clocks:
                        clock = camera_clocks[topic]
                        jumps = clock.jumps
                        stamp_ns = log_ns if self._by_log else clock(message, log_ns)
                        if clock.jumps > jumps:
                            collector.cut()
                            actions.restart()
                            sets.reset()
                        if stamp_ns is None:
                            collector.lose(
                                "frames without a stamp in their header (`--stamps log` goes by the time of recording)"
                            )
                            continue
                        off_ns = max(off_ns, stamp_ns - log_ns, key=abs)
                        spare = max(spare, spare_bytes(message))
                        frames = sets.add(self._cameras.index(topic), stamp_ns, message)
                        if frames is not None:
                            sets_seen += 1
                            collector.frame(
                                frames.oldest_ns, joined([decode_image(one) for one in frames.frames])
                            )
                    elif topic == self._actions:
                        stamp_ns = log_ns if self._by_log else command_clock(message, log_ns)
                        actions.add(stamp_ns or log_ns, message)
                    else:
                        collector.cut()
                        actions.restart()
                except (ImageError, CommandError) as error:
                    collector.lose(f"messages, {topic}: {error}")
            actions.check()
            jumps = sum(clock.jumps for clock in camera_clocks.values())
            for note in (*self._notes(spare, jumps), *self._unpaired(sets), *self._bag.notes):
                collector.note(note)
        for camera, clock in camera_clocks.items():
            if clock.unstamped and not clock.stamped:
                raise RecordingError(
                    f"{self._bag.path}: all {clock.unstamped} frames on {camera} have a stamp of zero: the camera "
                    "driver does not stamp them. Train and evaluate by the time of recording with `--stamps log`; "
                    "live, the robot needs a driver that stamps"
                )
        if not sets_seen and len(self._cameras) > 1:
            raise RecordingError(self._nothing_paired(sets))
        if command_clock.unstamped and abs(off_ns) > RESTART_NS:
            raise RecordingError(
                f"{self._bag.path}: frames on {used.camera} are stamped up to {off_ns * 1e-9:+.1f} s off the "
                "recorder's clock, which dates commands without a header: which belong together is unknown. Go by the "
                "time of recording with `--stamps log`, record with the camera's clock (`ros2 bag record "
                "--use-sim-time`), or publish commands with a header"
            )

    def _unpaired(self, sets: FrameSets) -> list[str]:
        """Of several cameras, how many frames had no partner."""
        if len(self._cameras) == 1:
            return []
        limit_s = self._profile.frames_apart_s
        return [
            f"{count} frames on {self._cameras[camera]} have no partner of their own on the other cameras within "
            f"{limit_s:g} s (model.frame_tolerance_s), and are left out"
            for camera, count in sorted(sets.unused.items())
            if count
        ]

    def _nothing_paired(self, sets: FrameSets) -> str:
        limit_s = self._profile.frames_apart_s
        found = (
            f"the last ones are {sets.apart_ns * 1e-9:.3f} s apart" if sets.apart_ns else "one has no frames"
        )
        return (
            f"{self._bag.path}: no frames on {', '.join(self._cameras)} are stamped within {limit_s:g} s of each other "
            f"(model.frame_tolerance_s; {found}): record all cameras at once and by one clock, or, where only their "
            "stamps are off, go by the time of recording with `--stamps log`"
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
