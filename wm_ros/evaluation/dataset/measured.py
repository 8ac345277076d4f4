"""The robot's measured states at the frames of a bag, where it has a state topic."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_series import read_states
from wm_ros.data.recording import Recording, RecordingError
from wm_ros.evaluation.config import EvaluationConfig

LEROBOT_SUFFIX = ": without observation.state"  # what an export would be
WITHIN_S = 0.05  # of a frame: a state farther away is not that of the frame


def save_states(recording: Recording, path: Path, config: EvaluationConfig, folder: Path) -> str:
    """Write states [F, P] in SI units of all frames to `states.npy` in a folder; returns why not, empty where done."""
    profile = config.profile
    if profile.state is None:
        return f"profile {profile.name} names no state topic"
    if profile.kind != "velocity":
        return f"states of robot {profile.name} are read as its {profile.kind} targets count, not as the simulator's"
    try:
        states, reason = read_states(Bag(path), profile, config.stamps)
    except RecordingError:
        return f"{path.name} is no bag, and has no state topic"
    if states is None:
        return f"{path.name}: {reason.removesuffix(LEROBOT_SUFFIX)}"
    found = states.nearest(recording.stamps_ns, WITHIN_S)
    if found is None:
        return f"{path.name}: frames without a state within {WITHIN_S:g} s on {profile.state.topic}"
    np.save(folder / "states.npy", found)
    return ""
