"""Clips of cached states and their actions, drawn at random: what the world model and the controller train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wm_ros.data.recording import Recording
from wm_ros.training.optimise import TrainingError

SAME_SHARE = 1e-3  # commands that differ by a smaller share are rounding


@dataclass(frozen=True)
class Clips:
    """Clips at the model's rate: states [F, N, D] of all frames, rows [C, T + 1] of the frames of each clip, actions
    [C, T, A] in SI units between them, or None."""

    states: Tensor
    rows: np.ndarray
    actions: np.ndarray | None

    def batch(self, choose: np.random.Generator, size: int) -> tuple[Tensor, Tensor | None]:
        """Random clips with replacement: states [size, T + 1, N, D], actions [size, T, A]."""
        return self.take(choose.integers(0, len(self.rows), size))

    def require_actions(self, names: Sequence[str]) -> None:
        """Raise TrainingError when there are no commands, or when one of these components always has the same."""
        if self.actions is None:
            raise TrainingError(
                "the recording has no commands, which the controller learns from: `wm_ros inspect` shows its topics"
            )
        first = self.actions[:, 0]
        for name, least, most in zip(names, first.min(axis=0), first.max(axis=0), strict=True):
            if most - least <= SAME_SHARE * max(abs(least), abs(most)):
                raise TrainingError(
                    f"the commands of {name} are {least:g} throughout {len(self.rows)} clips, and what they do cannot "
                    "be learned or scored: record more episodes, in which all components move"
                )

    def require_motion(self) -> None:
        """Raise TrainingError when every state equals the next one."""
        now, then = (self.states[torch.from_numpy(self.rows[:, column])] for column in (0, 1))
        if torch.allclose(now, then, rtol=1e-5, atol=1e-5):
            raise TrainingError(
                f"nothing moves in the pictures of {len(self.rows)} clips: is it the right camera, and does it see "
                "the robot?"
            )

    def take(self, indexes: np.ndarray) -> tuple[Tensor, Tensor | None]:
        """These clips."""
        actions = None if self.actions is None else torch.from_numpy(self.actions[indexes])
        return self.states[torch.from_numpy(self.rows[indexes])], actions


def make_clips(recording: Recording, states: Tensor, episodes: np.ndarray, steps: int) -> Clips:
    """All clips of `steps` model steps within these episodes; raises TrainingError when there is none."""
    rows = recording.clips(steps + 1, episodes)
    if not len(rows):
        raise TrainingError(
            f"no clip of {steps + 1} frames at {recording.profile.model_rate_hz:g} Hz in {len(episodes)} episodes: "
            f"record episodes of at least {(steps + 1) / recording.profile.model_rate_hz:.1f} s"
        )
    return Clips(states, rows, None if recording.commands is None else recording.actions(rows))


def split_episodes(count: int, seed: int, held_out_share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Episodes to train on and episodes to score on, drawn by seed; raises TrainingError with fewer than two."""
    if count < 2:
        raise TrainingError(
            f"{count} episode: training scores itself on episodes it has not seen, record at least 2"
        )
    order = np.random.default_rng([seed, count]).permutation(count)
    held_out = max(1, round(held_out_share * count))
    return np.sort(order[held_out:]), np.sort(order[:held_out])
