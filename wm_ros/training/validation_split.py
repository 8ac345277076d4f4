"""Which episodes of a recording train, choose among weights, and score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wm_ros.data.recording import Recording
from wm_ros.training.clips import split_episodes
from wm_ros.training.optimise import TrainingError
from wm_ros.training.selection import set_apart


@dataclass(frozen=True)
class Split:
    """Episodes by what they are for. seen: by encoder and world model; fitted: those of them with commands, by all
    else; choosing and scored: held out."""

    seen: np.ndarray
    fitted: np.ndarray
    choosing: np.ndarray
    scored: np.ndarray


def split(recording: Recording, seed: int, clip_steps: int, choose: bool) -> Split:
    """The episodes of a recording, split by a seed; raises TrainingError with too few that have commands.

    choose: whether some of those held out, with clips of so many steps, choose among weights.
    """
    labelled = recording.labelled_episodes
    if not len(labelled):
        raise TrainingError(
            "the recording has no commands, which the controller learns from: add one that has them; `wm_ros inspect` "
            "says what each can train"
        )
    fitted, held_out = (labelled[part] for part in split_episodes(len(labelled), seed))
    seen = np.setdiff1d(np.arange(len(recording.episodes)), held_out)
    if not choose:
        return Split(seen, fitted, held_out[:0], held_out)
    return Split(seen, fitted, *set_apart(recording, held_out, clip_steps))
