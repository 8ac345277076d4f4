"""A recording as arrays: frames with their stamps, the commands held between, clips at the model's rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wm_ros.robots.profile import RobotProfile

# Share of a model step by which the camera may miss it: a clip with a longer or shorter step is left out.
STEP_TOLERANCE = 0.2


class RecordingError(ValueError):
    """A recording that cannot be used; the message says what is wrong and what to do."""


class Commands:
    """What the robot was told over time: each command held until the next, or until the driver's timeout.

    stamps_ns: [K] int64, increasing. vectors: [K, A] SI units. timeout_s: the driver then stops by itself; one for
    all or one for each [K].
    """

    def __init__(self, stamps_ns: np.ndarray, vectors: np.ndarray, timeout_s: float | np.ndarray) -> None:
        self.stamps_ns = np.asarray(stamps_ns, dtype=np.int64)
        self.vectors = np.asarray(vectors, dtype=np.float64)
        self.timeout_s = timeout_s
        starts = self.stamps_ns
        timeout_ns = np.rint(np.multiply(timeout_s, 1e9)).astype(np.int64)
        ends = np.minimum(starts + timeout_ns, np.append(starts[1:], np.iinfo(np.int64).max))
        # The integral of the held commands is piecewise linear: two knots per command, exact in between.
        self._origin = int(starts[0]) if len(starts) else 0
        self._knots_s = (np.stack([starts, ends], axis=1).reshape(-1) - self._origin) * 1e-9
        moved = self.vectors * ((ends - starts) * 1e-9)[:, None]
        after = np.cumsum(moved, axis=0)
        self._integral = np.stack([after - moved, after], axis=1).reshape(-1, self.vectors.shape[1])

    def mean(self, start_ns: np.ndarray | int, end_ns: np.ndarray | int) -> np.ndarray:
        """Exact time-weighted mean [..., A] of the commands held between stamps; zero where none was held."""
        start_ns, end_ns = np.asarray(start_ns, dtype=np.int64), np.asarray(end_ns, dtype=np.int64)
        if not (end_ns > start_ns).all():
            raise ValueError("the mean command is taken over intervals that end after their start")
        duration_s = (end_ns - start_ns) * 1e-9
        return (self._until(end_ns) - self._until(start_ns)) / duration_s[..., None]

    def _until(self, stamp_ns: np.ndarray) -> np.ndarray:
        if not len(self._knots_s):
            return np.zeros((*stamp_ns.shape, self.vectors.shape[1]))
        time_s = (stamp_ns - self._origin) * 1e-9
        return np.stack([np.interp(time_s, self._knots_s, column) for column in self._integral.T], axis=-1)


@dataclass(frozen=True)
class Topics:
    """Where frames and commands came from: topics of a bag, features of a LeRobot dataset. command: None without."""

    camera: str
    command: str | None


@dataclass(frozen=True)
class Part:
    """The frames of one run of one clock, a bag for instance, and by how much its times were shifted."""

    frames: slice
    shift_ns: int


@dataclass(frozen=True)
class Recording:
    """Frames and commands of one or more sources, cut into episodes.

    frames: [F, H, W, 3] uint8 RGB, memory-mapped from disk. stamps_ns: [F] moments of exposure; sources whose
    times overlap are shifted apart.
    episodes: slices of the frames, within which time runs on without gaps. commands: None when none were
    recorded. unlabelled: indexes of the episodes whose commands are not known. sources: what each of them holds, a
    line each, for people. notes: what was dropped, salvaged or assumed while reading, for people. refusal: why the
    commands are not what the profile says, so that nothing may be learned from them; empty: they are. topics: what
    was read of the sources that have topics, without repetitions. parts: the frames of each bag, and of each run within
    other sources, in the order they were given. places: where the robot was at each frame, of sources
    that tell it frame by frame, NaN elsewhere: [F, 3] x and y in m and yaw of a base, or [F, 7] position in m and unit
    quaternion, w first, of an end effector; None: nowhere.
    """

    profile: RobotProfile
    frames: np.ndarray
    stamps_ns: np.ndarray
    episodes: tuple[slice, ...]
    commands: Commands | None
    unlabelled: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""
    topics: tuple[Topics, ...] = ()
    parts: tuple[Part, ...] = ()
    places: np.ndarray | None = None

    @property
    def command_topic(self) -> str:
        """Where commands were read, for people; the profile's topic where none were."""
        found = dict.fromkeys(topics.command for topics in self.topics if topics.command is not None)
        return ", ".join(found) or self.profile.command.topic

    @cached_property
    def camera_rate_hz(self) -> float:
        """Median frame rate within episodes; NaN when no episode has two frames."""
        steps = np.concatenate(
            [np.zeros(0), *(np.diff(self.stamps_ns[episode]) for episode in self.episodes)]
        )
        return float(1e9 / np.median(steps)) if len(steps) else float("nan")

    @cached_property
    def labelled_episodes(self) -> np.ndarray:
        """Indexes [L] of the episodes whose commands are known."""
        return np.setdiff1d(np.arange(0 if self.commands is None else len(self.episodes)), self.unlabelled)

    @cached_property
    def successors(self) -> np.ndarray:
        """Index [F] of the frame one model step after each frame, -1 where its episode has none.

        Every frame starts a chain, so a camera faster than the model gives training data in all phases.
        """
        step_ns = round(self.profile.model_dt * 1e9)
        result = np.full(len(self.stamps_ns), -1, dtype=np.int64)
        for episode in self.episodes:
            stamps = self.stamps_ns[episode]
            wanted = stamps + step_ns
            after = np.clip(np.searchsorted(stamps, wanted), 1, max(len(stamps) - 1, 1))
            if len(stamps) < 2:
                continue
            nearest = np.where(wanted - stamps[after - 1] < stamps[after] - wanted, after - 1, after)
            fits = np.abs(stamps[nearest] - wanted) <= STEP_TOLERANCE * step_ns
            result[episode] = np.where(fits, nearest + episode.start, -1)
        return result

    def clips(self, length: int, episodes: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Frame indexes [C, length] of all clips at the model's rate, from these episodes (default: all)."""
        rows = [self.clip_starts(length, episodes)]
        for _ in range(length - 1):
            rows.append(self.successors[rows[-1]])
        return np.stack(rows, axis=1)

    def clip_starts(self, length: int, episodes: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Index [C] of the first frame of each of these clips."""
        if length < 1:
            raise ValueError(f"a clip has at least 1 frame, got {length}")
        chosen = self.episodes if episodes is None else [self.episodes[index] for index in episodes]
        frames = [np.arange(episode.start, episode.stop) for episode in chosen]
        starts = ends = np.concatenate(frames) if frames else np.zeros(0, dtype=np.int64)
        for _ in range(length - 1):
            ends = self.successors[ends]
            starts, ends = starts[ends >= 0], ends[ends >= 0]
        return starts

    def actions(self, clips: np.ndarray) -> np.ndarray:
        """Mean commands [C, length - 1, A] float32, SI units, held between neighbouring frames of clips.

        Raises ValueError for clips of episodes without commands: what was done in them is not known, and not rest.
        """
        if self.commands is None or self._unlabelled_frames[clips].any():
            raise ValueError(
                f"no commands on topic {self.command_topic!r} were recorded with "
                f"{'these clips' if self.commands else 'the recording'}; take clips of `labelled_episodes`"
            )
        stamps = self.stamps_ns[clips]
        return self.commands.mean(stamps[:, :-1], stamps[:, 1:]).astype(np.float32)

    @cached_property
    def step_actions(self) -> np.ndarray:
        """Mean command [F, A] float32, SI units, from each frame to its successor; NaN where it is not known."""
        result = np.full((len(self.stamps_ns), len(self.profile.action)), np.nan, dtype=np.float32)
        if self.commands is None:
            return result
        for index in self.labelled_episodes:
            episode = self.episodes[index]
            begin = np.arange(episode.start, episode.stop)[self.successors[episode] >= 0]
            end = self.successors[begin]
            result[begin] = self.commands.mean(self.stamps_ns[begin], self.stamps_ns[end])
        return result

    @cached_property
    def _unlabelled_frames(self) -> np.ndarray:
        marks = np.zeros(len(self.stamps_ns), dtype=bool)
        for index in self.unlabelled:
            marks[self.episodes[index]] = True
        return marks
