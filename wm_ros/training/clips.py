"""Clips of cached states and their actions, drawn at random: what the world model and the controller train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wm_ros.data.recording import Recording
from wm_ros.data.verdict import still_components
from wm_ros.training.optimise import TrainingError


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
        """Raise TrainingError when one of these components of the commands always has the same value."""
        first = self.actions[:, 0]
        still = still_components(first)
        if len(still):
            raise TrainingError(
                f"the commands of {names[still[0]]} are {first[0, still[0]]:g} throughout {len(self.rows)} clips, and "
                "what they do cannot be learned or scored: record more episodes, in which all components move"
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
    """All clips of `steps` model steps within these episodes, with actions when the commands of all are known.

    Raises TrainingError when there is none.
    """
    rows = recording.clips(steps + 1, episodes)
    if not len(rows):
        raise TrainingError(
            f"no clip of {steps + 1} frames at {recording.profile.model_rate_hz:g} Hz in {len(episodes)} episodes: "
            f"record episodes of at least {(steps + 1) / recording.profile.model_rate_hz:.1f} s"
        )
    labelled = np.isin(episodes, recording.labelled_episodes).all()
    return Clips(states, rows, recording.actions(rows) if labelled else None)


def split_episodes(count: int, seed: int, held_out_share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Episodes to train on and episodes to score on, drawn by seed; raises TrainingError with fewer than two."""
    if count < 2:
        raise TrainingError(
            f"{count} episode with commands: training scores itself on episodes it has not seen, record at least 2"
        )
    order = np.random.default_rng([seed, count]).permutation(count)
    held_out = max(1, round(held_out_share * count))
    return np.sort(order[held_out:]), np.sort(order[:held_out])
