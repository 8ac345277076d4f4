"""When a goal counts as reached: the goal distance that one model step usually changes, and how often that is wrong.

Whoever stands at the goal sees it, and a robot in motion is no longer there one step later. Both are read from held-out
episodes and from time alone, so that it means the same for a distance of displacements and for a temporal one.
"""

from __future__ import annotations

import numpy as np
import torch

from wm_ros.data.recording import Recording
from wm_ros.models.card import Reached
from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.optimise import TrainingError
from wm_ros.training.states import encode_all, mapped
from wm_ros.training.temporal_distance import distant_clips

PAIRS = 4096
FAR_SHARE = 0.5  # of the longest time between two frames: pairs from there on are many steps apart
# Of a base, in model steps at full rate: it does not move sideways, and what is left beside it is not driven off. With
# .52, what a step changes on average, the embedded rover stood at .6 to .9 from the goal until the time was up.
LEAST_OF_BASE = 1.0
DIGITS = 4  # of the card's figures


@torch.no_grad()
def calibrate(model: WorldModel, chosen_on: Clips, scored_on: Clips) -> Reached:
    """The mean distance of frames one model step apart in the first clips, and its errors in the second.

    For a base it is at least a model step at full rate. Clips of several seconds; the same twice where there is only
    one set of episodes. Raises TrainingError when nothing moved.
    """
    distance = float(_steps(*_places(model, chosen_on)).mean())
    if not distance > 0.0:
        raise TrainingError(
            "when a goal is reached cannot be calibrated: nothing differs between frames a model step apart; record a "
            "robot that moves"
        )
    if model.card.robot.is_base:
        distance = max(distance, LEAST_OF_BASE)
    places, rows = _places(model, scored_on)
    apart = np.linalg.norm(places[rows] - places[rows[:, :1]], axis=-1)
    first_far = max(1, round(FAR_SHARE * scored_on.steps))
    near, far = _steps(places, rows) <= distance, apart[:, first_far:] <= distance
    return Reached(
        round(distance, DIGITS), round(float(near.mean()), DIGITS), round(float(far.mean()), DIGITS)
    )


def calibrate_on(model: WorldModel, recording: Recording) -> Reached:
    """As `calibrate`, for a model that is trained already, on a recording that it was not trained on.

    Every other episode chooses, the rest score. TrainingError with fewer than two episodes.
    """
    episodes = np.arange(len(recording.episodes))
    if len(episodes) < 2:
        raise TrainingError("one episode chooses the threshold and another scores it: record at least 2")
    states = mapped((len(recording.frames), model.encoder.tokens, model.encoder.dim))
    encode_all(model.encoder, recording, states)
    return calibrate(
        model, *(distant_clips(recording, states, episodes[first::2], model.device) for first in (0, 1))
    )


def _steps(places: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Goal distances [C, T] of neighbouring frames of clips."""
    changes: np.ndarray = np.linalg.norm(places[rows[:, 1:]] - places[rows[:, :-1]], axis=-1)
    return changes


def _places(model: WorldModel, clips: Clips) -> tuple[np.ndarray, np.ndarray]:
    """Places [F, P] of all frames that some clips touch, by frame, and the frames [C, T + 1] of these clips."""
    chosen = np.random.default_rng(0).permutation(len(clips))[:PAIRS]
    rows = clips.rows(chosen)
    frames, places = np.unique(rows), None
    for some in np.array_split(frames, max(1, len(frames) // PAIRS)):
        found = model.goal_distance.embed(clips.states[torch.from_numpy(some)].to(clips.device)).cpu().numpy()
        places = (
            np.zeros((len(clips.states), found.shape[-1]), dtype=np.float32) if places is None else places
        )
        places[some] = found
    assert places is not None
    return places, rows
