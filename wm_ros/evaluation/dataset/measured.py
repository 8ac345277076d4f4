"""The robot's measured states at the frames of a bag, where it has a state topic."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wm_ros.data.frame_states import frame_states
from wm_ros.data.recording import Recording
from wm_ros.evaluation.config import EvaluationConfig


def save_states(recording: Recording, path: Path, config: EvaluationConfig, folder: Path) -> str:
    """Write states [F, P] in SI units of all frames to `states.npy` in a folder; returns why not, empty where done."""
    profile = config.profile
    if profile.kind != "velocity":
        return f"states of robot {profile.name} are read as its {profile.kind} targets count, not as the simulator's"
    states, reason = frame_states(recording, [path], config.stamps)
    if states is not None:
        np.save(folder / "states.npy", states)
    return reason
