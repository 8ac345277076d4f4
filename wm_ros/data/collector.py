"""Gathers what sources of any kind hold into one recording: frames to the cache, commands, where episodes end."""

from __future__ import annotations

import itertools
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from wm_ros.data.frame_cache import FrameCache
from wm_ros.data.recording import Commands, Part, Recording, RecordingError, Topics
from wm_ros.data.stamps import RESTART_NS
from wm_ros.messages.views import squares
from wm_ros.robots.profile import RobotProfile

# An episode ends where this many camera periods pass without a frame.
GAP_PERIODS = 3.0
# Between sources that were recorded at the same time of their clocks, as simulated ones are.
PAUSE_NS = 10_000_000_000


@dataclass
class _Part:
    """The frames start .. stop of one run of one clock."""

    name: str
    kind: str
    labelled: bool
    topics: Topics | None
    start: int
    first_command: int
    stop: int = 0
    shift_ns: int = 0
    cuts: list[int] = field(default_factory=list)  # indexes of frames that begin an episode
    shape: tuple[int, ...] = ()


class Collector:
    """What the sources tell: within `source(...)` each calls `frame`, `command`, `cut`, `lose` and `note`.

    side: crop frames to the centre square and shrink them to this many pixels; None keeps them as they are. Of several
    cameras a frame has the pictures side by side, as `messages.views` joins them.
    """

    def __init__(self, profile: RobotProfile, cache: FrameCache, side: int | None = None) -> None:
        self._profile, self._cache, self._side = profile, cache, side
        self._views = len(profile.cameras)
        self._stamps = array("q")
        self._command_stamps = array("q")
        self._holds_ns = array("q")
        self._commands = array("d")  # of all components in turn
        self._places: dict[int, np.ndarray] = {}  # by frame
        self._parts: list[_Part] = []
        self._shape: tuple[int, ...] = ()
        self._notes: list[str] = []
        self._lost: Counter[tuple[str, str]] = Counter()
        self._refusal = ""
        self._end_ns = 0  # of the parts before
        self._shift_ns: int | None = None

    @contextmanager
    def source(self, name: str, kind: str, labelled: bool, topics: Topics | None = None) -> Iterator[None]:
        """One run of one clock; when it overlaps those before, its times are shifted behind them."""
        part = _Part(name, kind, labelled, topics, len(self._stamps), len(self._command_stamps))
        self._parts.append(part)
        self._end_ns = max((*self._stamps[-1:], *self._command_stamps[-1:]), default=0)
        self._shift_ns = None
        if self._side is not None:
            self._shape = ()
        yield
        part.stop, part.shift_ns = len(self._stamps), self._shift_ns or 0
        if part.labelled:
            self._check_commands(part)

    def frame(self, stamp_ns: int, picture: np.ndarray, place: np.ndarray | None = None) -> None:
        """A picture [H, W, 3] uint8 RGB, exposed at the stamp; place [P]: where the robot was, see `Recording`."""
        part, stamp_ns = self._parts[-1], self._shifted(stamp_ns)
        number = len(self._stamps) - part.start
        self._shape = part.shape = self._shape or picture.shape
        if picture.shape != self._shape:
            raise RecordingError(
                f"{part.name}: frame {number} is {_size(picture.shape)} after frames of {_size(self._shape)}: "
                "record with one camera mode, and each resolution apart"
            )
        back_ns = self._stamps[-1] - stamp_ns if number else -1
        if back_ns == 0:
            self.lose(
                "frames with the stamp of the frame before (a driver that repeats or does not stamp: `--stamps log` "
                "dates those of bags by the time of recording)"
            )
            return
        if part.labelled and back_ns > RESTART_NS:
            raise RecordingError(
                f"{part.name}: stamps go back by {back_ns * 1e-9:.1f} s at frame {number}: the clock was "
                "restarted, and which commands belong to which frames is unknown; one bag per run"
            )
        if place is not None:
            self._places[len(self._stamps)] = place
        self._stamps.append(stamp_ns)
        self._cache.append(picture if self._side is None else squares(picture, self._views, self._side))

    def command(self, stamp_ns: int, vector: np.ndarray, hold_s: float) -> None:
        """A command [A] in SI units, held until the next one or for `hold_s`."""
        self._command_stamps.append(self._shifted(stamp_ns))
        self._holds_ns.append(round(hold_s * 1e9))
        self._commands.extend(vector)

    def refuse_commands(self, reason: str) -> None:
        """The commands of this source are not what the profile says; empty: they are."""
        if reason and not self._refusal:
            self._refusal = f"{self._parts[-1].name}: {reason}"

    def cut(self) -> None:
        """The next frame begins an episode."""
        self._parts[-1].cuts.append(len(self._stamps))

    def lose(self, what: str) -> None:
        """One thing that cannot be used; notes say how many there were."""
        self._lost[self._parts[-1].name, what] += 1

    def note(self, text: str) -> None:
        """What people should know of the source."""
        self._notes.append(f"{self._parts[-1].name}: {text}")

    def recording(self) -> Recording:
        """All of it; raises RecordingError when that is less than two frames."""
        self._notes += [f"{name}: left out {n} {what}" for (name, what), n in self._lost.most_common()]
        if len(self._stamps) < 2:
            raise RecordingError(
                f"the recording has {len(self._stamps)} usable frames. {'; '.join(self._notes)}"
            )
        stamps = np.array(self._stamps, dtype=np.int64)
        episodes: list[slice] = []
        unlabelled: list[int] = []
        gaps: Counter[str] = Counter()
        lines: dict[tuple[str, str, bool], list[tuple[_Part, int]]] = {}
        for part in self._parts:
            cuts = [cut - part.start for cut in part.cuts]
            found, broken = split_episodes(stamps[part.start : part.stop], cuts)
            found = [slice(part.start + episode.start, part.start + episode.stop) for episode in found]
            gaps[part.name] += broken
            lines.setdefault((part.name, part.kind, part.labelled), []).append((part, len(found)))
            if not part.labelled:
                unlabelled += range(len(episodes), len(episodes) + len(found))
            episodes += found
        self._notes += [
            f"{name}: {count} gaps or jumps of the frames' stamps, each ends an episode"
            for name, count in gaps.items()
            if count
        ]
        return Recording(
            profile=self._profile,
            frames=self._cache.frames(),
            stamps_ns=stamps,
            episodes=tuple(episodes),
            commands=self._held_commands() if any(part.labelled for part in self._parts) else None,
            unlabelled=tuple(unlabelled),
            refusal=self._refusal,
            sources=tuple(_line(stamps, parts) for parts in lines.values()),
            notes=tuple(self._notes),
            topics=tuple(dict.fromkeys(part.topics for part in self._parts if part.topics is not None)),
            parts=tuple(Part(slice(part.start, part.stop), part.shift_ns) for part in self._parts),
            places=self._known_places(),
        )

    def _shifted(self, stamp_ns: int) -> int:
        if self._shift_ns is None:
            self._shift_ns = max(self._end_ns + PAUSE_NS - stamp_ns, 0) if self._end_ns else 0
        return stamp_ns + self._shift_ns

    def _check_commands(self, part: _Part) -> None:
        frames, commands = self._stamps[part.start :], self._command_stamps[part.first_command :]
        if not commands:
            # Nobody knows whether the robot stood still or the recorder did not hear its commands.
            part.labelled = False
            source = self._profile.action_source
            if part.topics is not None:
                if part.topics.command is not None:
                    source = f"{source.partition(' on ')[0]} on {part.topics.command}"
                part.topics = replace(part.topics, command=None)
            self.note(f"no {source}: its frames count as without commands")
        elif frames and (min(commands) > max(frames) or max(commands) < min(frames)):
            on = (
                ("", "")
                if part.topics is None
                else (f" on {part.topics.command}", f" on {part.topics.camera}")
            )
            raise RecordingError(
                f"{part.name}: commands{on[0]} (from {commands[0] * 1e-9:.3f} s) and frames{on[1]} (from "
                f"{frames[0] * 1e-9:.3f} s) never overlap: they follow different clocks. Go by the time of recording "
                "with `--stamps log`, record with the camera's clock (`ros2 bag record --use-sim-time`), or give the "
                "camera the system's time"
            )

    def _known_places(self) -> np.ndarray | None:
        if not self._places:
            return None
        found = np.full((len(self._stamps), len(next(iter(self._places.values())))), np.nan)
        for frame, place in self._places.items():
            found[frame] = place
        return found

    def _held_commands(self) -> Commands:
        stamps, holds = (
            np.array(values, dtype=np.int64) for values in (self._command_stamps, self._holds_ns)
        )
        vectors = np.array(self._commands).reshape(len(stamps), len(self._profile.action))
        order = np.argsort(stamps, kind="stable")
        return Commands(stamps[order], vectors[order], holds[order] * 1e-9)


def split_episodes(stamps: np.ndarray, cuts: Sequence[int]) -> tuple[list[slice], int]:
    """The episodes of one run of frames, and how many of them the stamps alone cut off.

    An episode begins at each of `cuts`, after a gap of the stamps [F] ns, and where they go backwards.
    """
    steps, count = np.diff(stamps), len(stamps)
    marked = np.zeros(count + 1, dtype=bool)
    marked[list(cuts)] = True
    ahead = (steps > 0) & ~marked[1:-1]
    period = np.median(steps[ahead]) if ahead.any() else np.inf
    broken = np.flatnonzero((steps < 0) | (steps > GAP_PERIODS * period)) + 1
    edges = sorted({0, count, *broken.tolist(), *np.flatnonzero(marked).tolist()})
    slices = [slice(begin, end) for begin, end in itertools.pairwise(edges)]
    return slices, int((~marked[broken]).sum())


def _line(stamps: np.ndarray, parts: Sequence[tuple[_Part, int]]) -> str:
    """What a source holds, in a line."""
    first = parts[0][0]
    count = sum(part.stop - part.start for part, _ in parts)
    if not count:
        return f"{first.name}: {first.kind}, no frames"
    steps = np.concatenate([np.diff(stamps[part.start : part.stop]) for part, _ in parts])
    rate = f" at {1e9 / np.median(steps):.4g} Hz" if len(steps) else ""
    sizes = " and ".join(dict.fromkeys(_size(part.shape) for part, _ in parts if part.shape))
    return (
        f"{first.name}: {first.kind}, {count} frames of {sizes}{rate}, {sum(n for _, n in parts)} episodes, "
        f"{'with' if first.labelled else 'without'} commands"
    )


def _size(shape: Sequence[int]) -> str:
    return f"{shape[1]}x{shape[0]}"
