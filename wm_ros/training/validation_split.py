"""Which episodes of a recording train, validate (choose among weights), and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wm_ros.data.recording import Recording
from wm_ros.training.clips import split_episodes
from wm_ros.training.optimise import TrainingError
from wm_ros.training.selection import set_apart


@dataclass(frozen=True)
class Split:
    """Episodes [E] by what they are for. train: encoder and world model learn from them; labelled: those of them with
    commands, for all else; validation and test: held out."""

    train: np.ndarray
    labelled: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(recording: Recording, seed: int, clip_steps: int, choose: bool) -> Split:
    """The episodes of a recording, split by a seed; raises TrainingError with too few that have commands.

    choose: whether some of those held out, with clips of so many steps, choose among weights.
    """
    with_commands = recording.labelled_episodes
    if not len(with_commands):
        raise TrainingError(
            "the recording has no commands, which the controller learns from: add one that has them; `wm_ros inspect` "
            "says what each can train"
        )
    labelled, held_out = (with_commands[part] for part in split_episodes(len(with_commands), seed))
    train = np.setdiff1d(np.arange(len(recording.episodes)), held_out)
    if not choose:
        return Split(train, labelled, held_out[:0], held_out)
    return Split(train, labelled, *set_apart(recording, held_out, clip_steps))
