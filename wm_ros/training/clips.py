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
from wm_ros.training.processes import mine

COMPARED_STATES = 4096  # at a time


@dataclass(frozen=True)
class Clips:
    """Clips of `steps` model steps: states [F, N, D] of all frames, starts [C] of the clips, and for every frame its
    successor [F] a model step later; actions [F, A] in SI units from each frame to its successor, or None.

    They take a few bytes per frame, whatever their length; batches are put on `device`.
    """

    states: Tensor
    starts: np.ndarray
    successors: np.ndarray
    steps: int
    actions: np.ndarray | None
    device: torch.device | str = "cpu"

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self, indexes: np.ndarray) -> np.ndarray:
        """The frames [B, T + 1] of these clips."""
        rows = [self.starts[indexes]]
        for _ in range(self.steps):
            rows.append(self.successors[rows[-1]])
        return np.stack(rows, axis=1)

    def take(self, indexes: np.ndarray) -> tuple[Tensor, Tensor | None]:
        """These clips: states [B, T + 1, N, D], actions [B, T, A]."""
        rows = self.rows(indexes)
        actions = (
            None if self.actions is None else torch.from_numpy(self.actions[rows[:, :-1]]).to(self.device)
        )
        return self.states[torch.from_numpy(rows)].to(self.device), actions

    @property
    def known_actions(self) -> np.ndarray:
        """The actions [F, A]; ValueError where they are not known."""
        if self.actions is None:
            raise ValueError("the commands of these clips are not known")
        return self.actions

    def labelled(self, indexes: np.ndarray) -> tuple[Tensor, Tensor]:
        """As `take`, of clips whose commands are known; ValueError where they are not."""
        states, actions = self.take(indexes)
        if actions is None:
            raise ValueError("the commands of these clips are not known")
        return states, actions

    def labelled_share(self, choose: np.random.Generator, size: int) -> tuple[Tensor, Tensor]:
        """As `share`, of clips whose commands are known."""
        return self.labelled(mine(choose.integers(0, len(self), size)))

    def share(self, choose: np.random.Generator, size: int) -> tuple[Tensor, Tensor | None]:
        """This process's share of a random batch, which is drawn alike in all processes."""
        return self.take(mine(choose.integers(0, len(self), size)))

    def first_actions(self) -> np.ndarray:
        """The actions [C, A] with which the clips begin; ValueError where they are not known."""
        return self.known_actions[self.starts]

    def some_steps(self) -> tuple[np.ndarray, Tensor, Tensor]:
        """Up to 4096 frames with which clips begin, drawn alike every time, and the states there and a step later."""
        rows = np.random.default_rng(0).permutation(self.starts)[:COMPARED_STATES]
        now, then = (
            self.states[torch.from_numpy(some)].to(self.device) for some in (rows, self.successors[rows])
        )
        return rows, now, then

    def require_actions(self, names: Sequence[str]) -> None:
        """Raise TrainingError when one of these components of the commands always has the same value."""
        first = self.first_actions()
        still = still_components(first)
        if len(still):
            raise TrainingError(
                f"the commands of {names[still[0]]} are {first[0, still[0]]:g} throughout {len(self)} clips, and "
                "what they do cannot be learned or scored: record more episodes, in which all components move"
            )

    def require_motion(self) -> None:
        """Raise TrainingError when every state equals the next one."""
        for some in np.array_split(self.starts, max(1, len(self) // COMPARED_STATES)):
            now, then = (self.states[torch.from_numpy(rows)] for rows in (some, self.successors[some]))
            if not torch.allclose(now, then, rtol=1e-5, atol=1e-5):
                return
        raise TrainingError(
            f"nothing moves in the pictures of {len(self)} clips: is it the right camera, and does it see the robot?"
        )


def make_clips(
    recording: Recording,
    states: Tensor,
    episodes: np.ndarray,
    steps: int,
    device: torch.device | str = "cpu",
) -> Clips:
    """All clips of `steps` model steps within these episodes, with actions when the commands of all are known.

    Raises TrainingError when there is none.
    """
    starts = recording.clip_starts(steps + 1, episodes)
    if not len(starts):
        raise TrainingError(
            f"no clip of {steps + 1} frames at {recording.profile.model_rate_hz:g} Hz in {len(episodes)} episodes: "
            f"record episodes of at least {(steps + 1) / recording.profile.model_rate_hz:.1f} s"
        )
    labelled = np.isin(episodes, recording.labelled_episodes).all()
    actions = recording.step_actions if labelled else None
    return Clips(states, starts, recording.successors, steps, actions, device)


def split_episodes(count: int, seed: int, held_out_share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Episodes to train on and episodes to score on, drawn by seed; raises TrainingError with fewer than two."""
    if count < 2:
        raise TrainingError(
            f"{count} episode with commands: training scores itself on episodes it has not seen, record at least 2"
        )
    order = np.random.default_rng([seed, count]).permutation(count)
    held_out = max(1, round(held_out_share * count))
    return np.sort(order[held_out:]), np.sort(order[:held_out])
