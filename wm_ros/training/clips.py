"""Clips of cached states and their actions, drawn at random: what the world model and the controller train on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wm_ros.data.recording import Recording


@dataclass(frozen=True)
class Clips:
    """Clips at the model's rate: states [C, T + 1, N, D] by index, actions [C, T, A] in SI units or None."""

    states: Tensor
    rows: np.ndarray
    actions: np.ndarray | None

    def batch(self, choose: np.random.Generator, size: int) -> tuple[Tensor, Tensor | None]:
        """Random clips with replacement: states [size, T + 1, N, D], actions [size, T, A]."""
        return self.take(choose.integers(0, len(self.rows), size))

    def require_actions(self) -> None:
        """Raise ValueError when the recording has no commands, which the controller cannot be trained without."""
        if self.actions is None:
            raise ValueError(
                "the recording has no commands, which the controller learns from: `wm_ros inspect` shows its topics"
            )

    def take(self, indexes: np.ndarray) -> tuple[Tensor, Tensor | None]:
        """These clips."""
        actions = None if self.actions is None else torch.from_numpy(self.actions[indexes])
        return self.states[torch.from_numpy(self.rows[indexes])], actions


def make_clips(recording: Recording, states: Tensor, episodes: np.ndarray, steps: int) -> Clips:
    """All clips of `steps` model steps within these episodes; raises ValueError when there is none."""
    rows = recording.clips(steps + 1, episodes)
    if not len(rows):
        raise ValueError(
            f"no clip of {steps + 1} frames at {recording.profile.model_rate_hz:g} Hz in {len(episodes)} episodes: "
            f"record episodes of at least {(steps + 1) / recording.profile.model_rate_hz:.1f} s"
        )
    return Clips(states, rows, None if recording.commands is None else recording.actions(rows))


def split_episodes(count: int, seed: int, held_out_share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Episodes to train on and episodes to score on, drawn by seed; raises ValueError with fewer than two."""
    if count < 2:
        raise ValueError(
            f"{count} episode: training scores itself on episodes it has not seen, record at least 2"
        )
    order = np.random.default_rng([seed, count]).permutation(count)
    held_out = max(1, round(held_out_share * count))
    return np.sort(order[held_out:]), np.sort(order[:held_out])
