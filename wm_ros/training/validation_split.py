"""Which episodes of a recording train, choose among weights, and score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wm_ros.data.recording import Recording
from wm_ros.training.clips import split_episodes
from wm_ros.training.optimise import TrainingError
from wm_ros.training.selection import set_apart

if TYPE_CHECKING:
    from wm_ros.training.train import TrainOptions


@dataclass(frozen=True)
class Split:
    """Episodes by what they are for. seen: by encoder and world model; fitted: those of them with commands, by all
    else; choosing and scored: held out."""

    seen: np.ndarray
    fitted: np.ndarray
    choosing: np.ndarray
    scored: np.ndarray


def split(recording: Recording, options: TrainOptions) -> Split:
    """The episodes of a recording as these options split them; raises TrainingError with too few that have commands."""
    labelled = recording.labelled_episodes
    if not len(labelled):
        raise TrainingError(
            "the recording has no commands, which the controller learns from: add one that has them; `wm_ros inspect` "
            "says what each can train"
        )
    seed = options.seed if options.split_seed is None else options.split_seed
    fitted, held_out = (labelled[part] for part in split_episodes(len(labelled), seed))
    seen = np.setdiff1d(np.arange(len(recording.episodes)), held_out)
    if not options.choose:
        return Split(seen, fitted, held_out[:0], held_out)
    return Split(seen, fitted, *set_apart(recording, held_out, options.clip_steps))
