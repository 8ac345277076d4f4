"""The robot's measured states at the frames of a bag, where it has a state topic."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wm_ros.data.frame_states import frame_states
from wm_ros.data.recording import Recording
from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks.simulated import simulated


def no_simulation(profile: RobotProfile) -> str:
    """Why no simulator tells what moves with this robot, empty where one does."""
    try:
        if simulated(profile).task is None:
            return f"nobody said what there is to move where {profile.name!r} is simulated"
    except (ProfileError, ImportError) as error:
        return f"no simulator tells what ought to move: {error}"
    return ""


def save_states(recording: Recording, path: Path, config: EvaluationConfig, folder: Path) -> str:
    """Write states [F, P] in SI units of all frames to `states.npy` in a folder; returns why not, empty where done."""
    profile = config.profile
    if reason := no_simulation(profile):
        return reason  # nobody asks for them, and a long bag has many
    if profile.kind != "velocity":
        return f"states of robot {profile.name} are read as its {profile.kind} targets count, not as the simulator's"
    states, reason = frame_states(recording, [path], config.stamps)
    if states is not None:
        np.save(folder / "states.npy", states)
    return reason
