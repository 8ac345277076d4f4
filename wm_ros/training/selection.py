"""Keeps the weights of a world model that heed the latent action and plan best, not the last or those of least loss.

A low prediction error is no controllability: a forward model can do well and ignore what it is told.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from wm_ros.data.recording import Recording
from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.optimise import Report
from wm_ros.training.phase_state import below
from wm_ros.training.scores import action_gap, planning_gap

CHECKS = 20
# A check takes about as long as two training steps.
LEAST_STEPS_BETWEEN = 25
CLIPS = 512
LEAST_EPISODES = 4


class BestWeights:
    """A report of training steps that also looks, now and then, at clips which training does not see.

    Passes each report on with the `one_step`, `action_gap_shuffled`, `action_gap_zero` and `planning_gap` last found on
    them, and remembers the weights with the largest `action_gap_shuffled` times `planning_gap`; of equal ones, the
    last. Changes nothing of the training itself.
    """

    def __init__(self, model: WorldModel, clips: Clips, steps: int, seed: int, report: Report) -> None:
        rows = np.random.default_rng(seed).permutation(len(clips))[:CLIPS]
        self._model = model
        self._states, self._actions = clips.labelled(rows)
        self._steps, self._every = steps, max(LEAST_STEPS_BETWEEN, steps // CHECKS)
        self._report = report
        self._found: dict[str, float] = {}
        self._best: tuple[float, int, list[dict[str, Tensor]]] | None = None

    def __call__(self, step: int, figures: dict[str, float]) -> None:
        if step == 1 or step == self._steps or step % self._every == 0:
            self._found = action_gap(self._model, self._states[:, :2])
            self._found["planning_gap"] = planning_gap(self._model, self._states, self._actions)
            merit = self._found["action_gap_shuffled"] * self._found["planning_gap"]
            if self._best is None or merit >= self._best[0]:
                weights = [
                    {name: tensor.clone() for name, tensor in part.state_dict().items()}
                    for part in self._parts()
                ]
                self._best = merit, step, weights
        self._report(step, {**figures, **self._found})

    @property
    def _found_best(self) -> tuple[float, int, list[dict[str, Tensor]]]:
        if self._best is None:
            raise RuntimeError("no step was reported yet")
        return self._best

    def restore(self) -> int:
        """Give the model the best weights seen, and return the step they are of."""
        _, step, weights = self._found_best
        for part, kept in zip(self._parts(), weights, strict=True):
            part.load_state_dict(kept)
        return step

    def state_dict(self) -> dict[str, Tensor]:
        """What was found and remembered so far, for a training that is resumed."""
        merit, step, parts = self._found_best
        state = {"merit": torch.tensor(merit, dtype=torch.float64), "step": torch.tensor(step)}
        for name, value in self._found.items():
            state[f"found.{name}"] = torch.tensor(value, dtype=torch.float64)
        for index, part in enumerate(parts):
            state |= {f"weights.{index}.{name}": tensor for name, tensor in part.items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from there."""
        self._found = {name: value.item() for name, value in below(state, "found.").items()}
        parts = [below(state, f"weights.{index}.") for index in range(len(self._parts()))]
        self._best = state["merit"].item(), int(state["step"]), parts

    def _parts(self) -> tuple[nn.Module, ...]:
        return self._model.inverse_dynamics, self._model.forward_model, self._model.bottleneck


def set_apart(recording: Recording, held_out: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Held-out episodes to choose weights by, every other one, and the rest to score them on.

    Nothing is chosen and scored on the same episode. With fewer than four that have a clip of `steps` model steps,
    there are none to choose by.
    """
    usable = np.array([episode for episode in held_out if len(recording.clips(steps + 1, [episode]))])
    if len(usable) < LEAST_EPISODES:
        return held_out[:0], held_out
    choosing = usable[1::2]
    return choosing, np.setdiff1d(held_out, choosing)
