"""What all runs have in common: recording, true states, and which episodes do what; pixels lie in one file for all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wm_ros.bench.families.episodes import Roles
from wm_ros.bench.families.runs import FamiliesOptions
from wm_ros.data.recording import Recording
from wm_ros.robots.profile import ProfileError, RobotProfile


@dataclass(frozen=True)
class Material:
    """blind: the recording without pixels, which are in the file `frames`; states: parts of the true state [F, P] by
    name, as they are known."""

    blind: Recording
    frames: Path
    states: dict[str, np.ndarray]
    roles: Roles
    options: FamiliesOptions
    cache_dir: Path | None

    def recording(self) -> Recording:
        """The recording with its pixels, mapped into memory."""
        return replace(self.blind, frames=np.load(self.frames, mmap_mode="r"))


def write_frames(recording: Recording, path: Path) -> None:
    """Write all pixels to one file, which is never seen half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    copy = np.lib.format.open_memmap(partial, "w+", np.uint8, recording.frames.shape)
    for start in range(0, len(copy), 1024):
        copy[start : start + 1024] = recording.frames[start : start + 1024]
    copy.flush()
    partial.replace(path)


def without_pixels(recording: Recording) -> Recording:
    """The recording as it is sent to other processes."""
    return replace(recording, frames=np.empty((len(recording.frames), 0, 0, 3), np.uint8))


def named_parts(profile: RobotProfile, states: np.ndarray) -> dict[str, np.ndarray]:
    """The parts of states [F, P] that a task tells apart, such as block and angle; else every component."""
    from wm_ros.tasks.simulated import simulated

    try:
        task = None if profile.kind == "position" else simulated(profile).task
    except (ProfileError, ImportError):
        task = None
    if task is not None and states.shape[1] == len(profile.state_names):
        return {name: part.astype(np.float32) for name, part in task.parts(states).items()}
    names = profile.state_names if len(profile.state_names) == states.shape[1] else ()
    return {
        name or f"state {index}": states[:, [index]].astype(np.float32)
        for index, name in enumerate(names or [""] * states.shape[1])
    }
