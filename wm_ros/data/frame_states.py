"""The measured state of the robot, and of what stands about it in a simulation, at every frame of recorded bags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wm_ros.data.bag_messages import STORAGE_SUFFIXES, Bag
from wm_ros.data.bag_series import read_states
from wm_ros.data.recording import Recording

MOST_AWAY_S = 0.05  # of a state from the frame it stands for
LEROBOT_SUFFIX = ": without observation.state"  # what an export would be


def frame_states(recording: Recording, paths: Sequence[Path], stamps: str) -> tuple[np.ndarray | None, str]:
    """States [F, P] as the profile's state topic tells them, and empty text; or None, and why they are not known.

    paths: what the recording was read from; stamps: by what its messages were dated, `header` or `log`.
    """
    state = recording.profile.state
    if state is None:
        return None, f"profile {recording.profile.name} names no state topic"
    if strange := [path.name for path in paths if not _is_bag(path)]:
        return None, f"{strange[0]} is no bag, and has no state topic"
    if len(paths) != len(recording.parts):
        return None, "states are read from bags alone"
    found = []
    for path, part in zip(paths, recording.parts, strict=True):
        series, note = read_states(Bag(path), recording.profile, stamps)
        if series is None:
            return None, f"{path.name}: {note.removesuffix(LEROBOT_SUFFIX) or 'no states'}"
        at = recording.stamps_ns[part.frames] - part.shift_ns
        values = series.nearest(at, MOST_AWAY_S)
        if values is None:
            return None, f"{path.name}: frames without a state within {MOST_AWAY_S:g} s on {state.topic}"
        found.append(values)
    return np.concatenate(found), ""


def _is_bag(path: Path) -> bool:
    if path.is_file():
        return path.suffix in STORAGE_SUFFIXES
    return not (path / "meta").is_dir() and any(
        file.suffix in STORAGE_SUFFIXES or file.name == "metadata.yaml" for file in path.iterdir()
    )
