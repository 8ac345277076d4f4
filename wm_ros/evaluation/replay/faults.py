"""Fault scripts: what goes wrong with the camera while a bag plays, and when.

A script has all kinds there are::

    faults:
      - {kind: freeze, at_s: 2.0, for_s: 1.5}                    # the same picture, with fresh stamps
      - {kind: dead, at_s: 2.0, for_s: 1.5}                      # no frames
      - {kind: old, at_s: 2.0, for_s: 1.5}                       # the frames from before again, with their stamps
      - {kind: garbage, at_s: 2.0, for_s: 1.5}                   # fresh stamps, data that is no picture
      - {kind: clock_jump, at_s: 2.0, for_s: 1.5, by_s: -2.0}    # ROS time and all stamps from then on

Optional in each: episode (default: the first that is long enough); camera, the name of one of several (default: the
first). When the clock jumps, it jumps for all.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wm_ros.data.segments import Segment
from wm_ros.messages.cdr import restamped, stamp_of
from wm_ros.robots.profile import RobotProfile

KINDS = ("freeze", "dead", "old", "garbage", "clock_jump")
KEYS = ("kind", "at_s", "for_s", "by_s", "episode", "camera")
OLD_FRAMES = 10  # shown again, over and over
RECOVERY_S = (1.0, 2.5)  # what must be left of the episode after a fault, and what of it is played


class FaultError(ValueError):
    """A fault script that cannot be used; the message names the entry, its value and the rule."""


@dataclass(frozen=True)
class Fault:
    """One fault, `at_s` seconds into an episode and `for_s` long; by_s is how far a clock jumps."""

    kind: str
    at_s: float
    for_s: float
    by_s: float = 0.0
    episode: int | None = None
    camera: str | None = None

    @property
    def end_s(self) -> float:
        return self.at_s + self.for_s

    def describe(self) -> str:
        """For people: `clock_jump -2 s`."""
        what = f"{self.kind} {self.by_s:+g} s" if self.kind == "clock_jump" else self.kind
        return what if self.camera is None else f"{what}, {self.camera}"

    def concerns(self, profile: RobotProfile) -> tuple[int, ...]:
        """The numbers of the cameras that are at fault; FaultError for one that the robot has not."""
        names = [camera.name for camera in profile.cameras]
        if self.camera is not None and self.camera not in names:
            known = ", ".join(names) if profile.other_cameras else "one, without a name"
            raise FaultError(
                f"fault {self.kind}: robot {profile.name} has no camera {self.camera!r}; it has {known}"
            )
        if self.kind == "clock_jump":
            return tuple(range(len(names)))
        return (0 if self.camera is None else names.index(self.camera),)


def load_faults(path: Path) -> tuple[Fault, ...]:
    """Read and check a fault script; FaultError says what is wrong with it."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise FaultError(f"fault script {path} cannot be read: {error}") from error
    entries = data.get("faults") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not entries:
        raise FaultError(f"{path}: a fault script has a list `faults` with at least one entry")
    return tuple(_fault(entry, f"{path}: faults[{number}]") for number, entry in enumerate(entries))


def detectable_faults(
    faults: Sequence[Fault], profile: RobotProfile
) -> tuple[tuple[Fault, ...], tuple[str, ...]]:
    """The faults that the nodes can detect with such a camera, and a note of those left out; FaultError if all are."""
    concerned = {fault: [profile.cameras[number] for number in fault.concerns(profile)] for fault in faults}
    hidden = {fault for fault in faults if fault.kind == "freeze" and not concerned[fault][0].noise}
    if not hidden:
        return tuple(faults), ()
    note = (
        f"freeze is left out: robot {profile.name!r} says `noise: false` of its camera, so a frozen picture cannot be "
        "told from a scene at rest"
    )
    left = tuple(fault for fault in faults if fault not in hidden)
    if not left:
        raise FaultError(f"{note}; name another fault")
    return left, (note,)


def select_episode(fault: Fault, segments: Sequence[Segment]) -> Segment:
    """The episode a fault is put into, which must go on for a while after it."""
    needed_s = fault.end_s + RECOVERY_S[0]
    wanted = [segment for segment in segments if fault.episode in (None, segment.number)]
    if not wanted:
        numbers = ", ".join(str(segment.number) for segment in segments)
        raise FaultError(
            f"fault {fault.describe()}: the bag has no episode {fault.episode} to play; it has {numbers}"
        )
    for segment in wanted:
        if segment.duration_s < needed_s:
            continue
        if segment.start_ns + (fault.at_s + fault.by_s) * 1e9 <= 0:
            raise FaultError(
                f"fault {fault.describe()}: episode {segment.number} is stamped from {segment.start_ns * 1e-9:.1f} s "
                "on, and time before 0 does not exist: jump back less, or later"
            )
        return segment
    longest_s = max(segment.duration_s for segment in wanted)
    raise FaultError(
        f"fault {fault.describe()} ends {fault.end_s:g} s into an episode and takes {RECOVERY_S[0]:g} s more to see "
        f"the recovery; the longest episode has {longest_s:.1f} s: end it earlier, or record longer episodes"
    )


class FaultyCamera:
    """What a camera with a fault shows instead of each frame of an episode that begins at `start_ns`.

    corrupt: makes a message that cannot be decoded of one that can.
    """

    def __init__(self, fault: Fault, start_ns: int, corrupt: Callable[[bytes], bytes]) -> None:
        self._fault, self._corrupt = fault, corrupt
        self._begin_ns = start_ns + round(fault.at_s * 1e9)
        self._end_ns = start_ns + round(fault.end_s * 1e9)
        self._before: deque[bytes] = deque(maxlen=OLD_FRAMES)
        self._repeated = 0

    def is_at_fault(self, at_ns: int) -> bool:
        """Whether what is shown at this time is not what was recorded."""
        return self._begin_ns <= at_ns and (at_ns < self._end_ns or self._fault.kind == "clock_jump")

    def clock_ns(self, at_ns: int) -> int:
        """What the ROS clock says at this time."""
        jumped = self._fault.kind == "clock_jump" and at_ns >= self._begin_ns
        return at_ns + round(self._fault.by_s * 1e9) * jumped

    def shown(self, at_ns: int, data: bytes) -> bytes | None:
        """A serialised camera message in the place of this one; None for none."""
        if not self.is_at_fault(at_ns):
            self._before.append(data)
            return data
        stamp_ns = stamp_of(data)
        if self._fault.kind == "clock_jump":
            return restamped(data, stamp_ns + self.clock_ns(at_ns) - at_ns)
        if self._fault.kind == "freeze":
            return restamped(self._before[-1], stamp_ns)
        if self._fault.kind == "old":
            self._repeated += 1
            return self._before[(self._repeated - 1) % len(self._before)]
        return self._corrupt(data) if self._fault.kind == "garbage" else None


def _fault(entry: Any, where: str) -> Fault:
    if not isinstance(entry, dict) or not set(entry) <= set(KEYS):
        raise FaultError(f"{where} must be a mapping of {', '.join(KEYS)}; got {entry!r}")
    if entry.get("kind") not in KINDS:
        raise FaultError(f"{where}.kind must be one of {', '.join(KINDS)}; got {entry.get('kind')!r}")
    times = {key: _number(entry.get(key), f"{where}.{key}") for key in ("at_s", "for_s")}
    for key, least in (("at_s", 0.5), ("for_s", 0.1)):
        if times[key] < least:
            raise FaultError(f"{where}.{key} must be at least {least} s, got {times[key]}")
    by_s = 0.0
    if entry["kind"] == "clock_jump":
        by_s = _number(entry.get("by_s"), f"{where}.by_s")
        if not by_s:
            raise FaultError(f"{where}.by_s must not be 0: how far does the clock jump?")
    elif "by_s" in entry:
        raise FaultError(f"{where}.by_s is for clock_jump only, not for {entry['kind']}")
    episode = entry.get("episode")
    if episode is not None and (isinstance(episode, bool) or not isinstance(episode, int) or episode < 0):
        raise FaultError(f"{where}.episode must be an episode's number, got {episode!r}")
    camera = entry.get("camera")
    if camera is not None and not isinstance(camera, str):
        raise FaultError(f"{where}.camera must be the name of one of the profile's cameras, got {camera!r}")
    return Fault(entry["kind"], **times, by_s=by_s, episode=episode, camera=camera)


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise FaultError(f"{where} must be a number, got {value!r}")
    return float(value)
