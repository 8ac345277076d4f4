"""The episodes of a bag as stretches of time to play again, found without decoding a picture."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_topics import EPISODE_TOPIC, command_topic, find_topic, image_topics, other_commands
from wm_ros.data.collector import split_episodes
from wm_ros.data.recording import RecordingError
from wm_ros.data.stamps import RESTART_NS
from wm_ros.messages.cdr import stamp_of
from wm_ros.robots.profile import RobotProfile

SHORTEST_S = 1.0


@dataclass(frozen=True)
class Segment:
    """One episode: stamps and log times of its frames [F] ns, and from log time to the time of the replay.

    The replay's clock is the recorder's, so that a frame is as old on arrival as it was when it was recorded. Where
    frames are stamped on another clock, `offset_ns` puts the recorder's times onto that.
    """

    number: int
    stamps_ns: np.ndarray
    log_ns: np.ndarray
    offset_ns: int

    @property
    def start_ns(self) -> int:
        """When its first frame arrives, on the replay's clock."""
        return int(self.log_ns[0]) + self.offset_ns

    @property
    def end_ns(self) -> int:
        """One camera period after its last frame."""
        return int(self.log_ns[-1]) + self.offset_ns + round(self.period_s * 1e9)

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.start_ns) * 1e-9

    @property
    def period_s(self) -> float:
        """Median time between two frames."""
        return float(np.median(np.diff(self.log_ns))) * 1e-9

    def frame_at(self, time_ns: int) -> int:
        """Index of the first frame that arrives at this time of the replay or later; the last one beyond."""
        return min(int(np.searchsorted(self.log_ns + self.offset_ns, time_ns)), len(self.log_ns) - 1)


@dataclass(frozen=True)
class Survey:
    """What of a bag can be played: topics (None: not recorded), episodes, and what people should know.

    cameras: a topic for each of the profile's. The episodes are those of the first one's frames.
    """

    cameras: tuple[str, ...]
    commands: str | None
    state: str | None
    segments: tuple[Segment, ...]
    notes: tuple[str, ...]

    @property
    def camera(self) -> str:
        """The first camera's topic."""
        return self.cameras[0]


def survey(bag: Bag, profile: RobotProfile, camera: str | None = None, command: str | None = None) -> Survey:
    """Read a bag once for the times of its frames; 16 bytes a frame are kept.

    camera, command: topics to play and to compare with, instead of the profile's. Raises RecordingError without
    camera, without stamps, or when no episode is long enough to be played.
    """
    cameras, commands = image_topics(bag, profile, camera), command_topic(bag, profile, command)
    camera = cameras[0]
    marker = find_topic(bag.topics, EPISODE_TOPIC)
    stamps, logs, cuts = array("q"), array("q"), []
    for message in bag.encoded({camera} if marker is None else {camera, marker}):
        if message.topic == camera:
            stamps.append(stamp_of(message.data))
            logs.append(message.log_ns)
        else:
            cuts.append(len(stamps))
    stamps_ns, log_ns = np.array(stamps, dtype=np.int64), np.array(logs, dtype=np.int64)
    if len(stamps_ns) < 2:
        raise RecordingError(f"{bag.path}: {len(stamps_ns)} frames on {camera}, which is nothing to play")
    if not stamps_ns.any():
        raise RecordingError(
            f"{bag.path}: no frame on {camera} has a stamp, so the age of a picture is unknown and the live nodes "
            "take none: make the camera driver set header.stamp, and record again. Only training and evaluation can "
            "go by the time of recording instead (`--stamps log`)"
        )
    episodes, _ = split_episodes(stamps_ns, cuts)
    notes = list(dict.fromkeys(bag.notes))
    segments = [
        _segment(number, stamps_ns[part], log_ns[part], notes) for number, part in enumerate(episodes)
    ]
    playable = [segment for segment in segments if segment is not None]
    if left := len(segments) - len(playable):
        notes.append(f"left out {left} episodes shorter than {SHORTEST_S:g} s")
    if not playable:
        raise RecordingError(
            f"{bag.path}: no episode is {SHORTEST_S:g} s long ({len(stamps_ns)} frames in {len(segments)} episodes; "
            "gaps in the camera's stamps end one): record longer"
        )
    if commands is None:
        hint = other_commands(bag, profile) if profile.actions_from == "commands" else ""
        notes.append(f"no operator's commands on {profile.command.topic}: none are beside the replay's")
        notes += [hint] if hint else []
    state = None
    if profile.state is not None:
        state = find_topic(bag.topics, profile.state.topic)
        if state is not None and bag.topics[state] != profile.state.type:
            notes.append(
                f"{state} is {bag.topics[state]}, not the profile's {profile.state.type}: not played"
            )
            state = None
    return Survey(cameras, commands, state, tuple(playable), tuple(dict.fromkeys(notes)))


def _segment(number: int, stamps_ns: np.ndarray, log_ns: np.ndarray, notes: list[str]) -> Segment | None:
    if len(log_ns) < 2 or log_ns[-1] - log_ns[0] < SHORTEST_S * 1e9:
        return None
    ahead_ns = stamps_ns - log_ns
    if abs(np.median(ahead_ns)) <= RESTART_NS:
        worst_s = ahead_ns.max() * 1e-9
        if worst_s > 0.0:
            notes.append(
                f"episode {number}: frames are stamped up to {worst_s:.3f} s after the recorder got them, their clocks "
                "differ; the guard refuses stamps from the future as it would live"
            )
        return Segment(number, stamps_ns, log_ns, 0)
    notes.append(
        f"episode {number}: frames are stamped {np.median(ahead_ns) * 1e-9:+.1f} s off the recorder's clock (no "
        "`--use-sim-time`?): played on the camera's clock, what the frames took to the recorder is not known"
    )
    return Segment(number, stamps_ns, log_ns, int(ahead_ns.max()))
