"""Bags to recordings: finds camera and commands by the robot's profile and cuts the frames into episodes."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from wm_ros.data.bag_messages import Bag, BagError
from wm_ros.data.bag_topics import EPISODE_TOPIC, command_topic, find_topic, image_topic
from wm_ros.data.recording import Commands, Recording
from wm_ros.messages.command import CommandError, read_command
from wm_ros.messages.image import ImageError, decode_image
from wm_ros.messages.stamp import to_ns
from wm_ros.robots.profile import RobotProfile

# An episode ends where this many camera periods pass without a frame.
GAP_PERIODS = 3.0
# Frames overtake each other by less; more means that the clock was restarted.
RESTART_S = 1.0
# Between bags that were recorded at the same time of their clocks, as simulated ones are.
BAG_PAUSE_NS = 10_000_000_000


def load_recording(
    bags: str | Path | Sequence[str | Path], profile: RobotProfile, cache_dir: str | Path | None = None
) -> Recording:
    """Read one or more bags into one recording; frames go to a file that vanishes with the recording.

    An episode begins at each message on the `episode` topic, after a gap of more than 3 camera periods, and
    where stamps go backwards. Frames that cannot be decoded and commands that are not finite are left out and
    counted in the notes. Raises BagError when there is no camera, its resolution changes, or the commands
    cannot be laid beside the frames.

    cache_dir: folder of the file of frames (default: the system's for temporary files, see TMPDIR).
    """
    paths = [bags] if isinstance(bags, (str, Path)) else list(bags)
    if not paths:
        raise BagError("no bag given")
    with tempfile.TemporaryFile(dir=cache_dir) as cache:
        collector = _Collector(profile, cache)
        for path in paths:
            collector.add(path)
        return collector.recording()


class _Collector:
    """Gathers what messages hold; the frames go straight to the cache file."""

    def __init__(self, profile: RobotProfile, cache: IO[bytes]) -> None:
        self._profile = profile
        self._cache = cache
        self._shape: tuple[int, ...] = ()
        self._stamps: list[int] = []
        self._cuts: list[int] = []  # indexes of frames that begin an episode
        self._command_stamps: list[int] = []
        self._commands: list[np.ndarray] = []
        self._with_commands: list[bool] = []  # by bag
        self._notes: list[str] = []
        self._end_ns = 0  # of the bags before
        self._shift_ns: int | None = None

    def add(self, path: str | Path) -> None:
        bag = Bag(path)
        camera = image_topic(bag, self._profile)
        commands = command_topic(bag, self._profile)
        marker = find_topic(bag.topics, EPISODE_TOPIC)
        self._with_commands.append(commands is not None)
        self._cuts.append(len(self._stamps))
        self._end_ns = max((*self._stamps[-1:], *self._command_stamps[-1:]), default=0)
        self._shift_ns = None
        lost: Counter[str] = Counter()
        for topic, log_ns, message in bag.messages({camera, commands, marker} - {None}):
            try:
                if topic == camera:
                    self._add_frame(message, path, lost)
                elif topic == commands:
                    self._add_command(message, log_ns)
                else:
                    self._cuts.append(len(self._stamps))
            except (ImageError, CommandError) as error:
                lost[f"{topic}: {error}"] += 1
        self._notes += bag.notes
        self._notes += [f"left out {count} messages, {reason}" for reason, count in lost.most_common()]

    def _add_frame(self, message: Any, path: str | Path, lost: Counter[str]) -> None:
        frame = decode_image(message)
        self._shape = self._shape or frame.shape
        if frame.shape != self._shape:
            raise BagError(
                f"{path}: frame {len(self._stamps)} is {frame.shape[1]}x{frame.shape[0]} after frames of "
                f"{self._shape[1]}x{self._shape[0]}: record with one camera mode, one bag per resolution"
            )
        stamp_ns = self._shifted(to_ns(message.header.stamp))
        if self._stamps and stamp_ns == self._stamps[-1]:
            lost["frames with the stamp of the frame before (a driver that repeats or does not stamp)"] += 1
            return
        back_s = (self._stamps[-1] - stamp_ns) * 1e-9 if self._stamps else 0.0
        if self._with_commands[-1] and back_s > RESTART_S:
            raise BagError(
                f"{path}: stamps go back by {back_s:.1f} s at frame {len(self._stamps)}: the clock was "
                "restarted, and which commands belong to which frames is unknown; one bag per run"
            )
        self._stamps.append(stamp_ns)
        self._cache.write(frame)

    def _add_command(self, message: Any, log_ns: int) -> None:
        vector = read_command(message, self._profile)
        stamp_ns = to_ns(message.header.stamp) if hasattr(message, "header") else 0
        self._command_stamps.append(self._shifted(stamp_ns or log_ns))
        self._commands.append(vector)

    def _shifted(self, stamp_ns: int) -> int:
        if self._shift_ns is None:
            self._shift_ns = max(self._end_ns + BAG_PAUSE_NS - stamp_ns, 0) if self._end_ns else 0
        return stamp_ns + self._shift_ns

    def recording(self) -> Recording:
        count = len(self._stamps)
        if count < 2:
            raise BagError(f"the recording has {count} usable frames. {'; '.join(self._notes)}")
        self._cache.flush()
        frames = np.memmap(self._cache, dtype=np.uint8, mode="r", shape=(count, *self._shape))
        stamps = np.array(self._stamps, dtype=np.int64)
        return Recording(
            profile=self._profile,
            frames=frames,
            stamps_ns=stamps,
            episodes=_episodes(stamps, self._cuts),
            commands=self._held_commands(stamps),
            notes=tuple(self._notes),
        )

    def _held_commands(self, frame_stamps: np.ndarray) -> Commands | None:
        if not any(self._with_commands):
            return None
        if not all(self._with_commands):
            raise BagError(
                "some of the bags have commands and some have none: frames without would be taken for rest; "
                "load them apart"
            )
        stamps = np.array(self._command_stamps, dtype=np.int64)
        vectors = np.array(self._commands, dtype=np.float64).reshape(len(stamps), len(self._profile.action))
        order = np.argsort(stamps, kind="stable")
        stamps, vectors = stamps[order], vectors[order]
        if len(stamps) and (stamps[0] > frame_stamps.max() or stamps[-1] < frame_stamps.min()):
            raise BagError(
                f"commands (from {stamps[0] * 1e-9:.3f} s) and frames (from {frame_stamps[0] * 1e-9:.3f} s) "
                "never overlap: they follow different clocks; record with the camera's clock "
                "(`ros2 bag record --use-sim-time`), or give the camera driver the system's time"
            )
        return Commands(stamps, vectors, self._profile.command.timeout_s)


def _episodes(stamps: np.ndarray, cuts: Sequence[int]) -> tuple[slice, ...]:
    steps = np.diff(stamps)
    marked = np.zeros(len(stamps) + 1, dtype=bool)
    marked[list(cuts)] = True
    within = steps[(steps > 0) & ~marked[1:-1]]
    period = np.median(within) if len(within) else np.inf
    broken = np.flatnonzero((steps < 0) | (steps > GAP_PERIODS * period)) + 1
    edges = sorted({0, len(stamps), *broken.tolist(), *(cut for cut in cuts)})
    return tuple(slice(start, stop) for start, stop in itertools.pairwise(edges))
