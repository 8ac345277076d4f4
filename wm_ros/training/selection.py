"""Keeps the weights that do best on episodes that training does not see, not the last.

What is learned from few episodes is learned by heart sooner or later, and the last weights are worse than earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from wm_ros.data.recording import Recording
from wm_ros.training.optimise import Report
from wm_ros.training.phase_state import below

CHECKS = 20
# A check takes about as long as two training steps.
LEAST_STEPS_BETWEEN = 25
LEAST_EPISODES = 4


class BestWeights:
    """A report of training steps that also measures, now and then, what the weights do on what training does not see.

    measure: gives figures, of which the first one decides; the smaller, the better. Passes each report on with those
    last found, and remembers the weights of `parts` with the best; of equal ones, the last. Changes nothing of the
    training itself.
    """

    def __init__(
        self,
        parts: Sequence[nn.Module],
        measure: Callable[[], dict[str, float]],
        steps: int,
        report: Report,
    ) -> None:
        self._parts, self._measure = parts, measure
        self._steps, self._every = steps, max(LEAST_STEPS_BETWEEN, steps // CHECKS)
        self._report = report
        self._found: dict[str, float] = {}
        self._best: tuple[float, int, list[dict[str, Tensor]]] | None = None

    def __call__(self, step: int, figures: dict[str, float]) -> None:
        if step == 1 or step == self._steps or step % self._every == 0:
            with torch.no_grad():
                self._found = self._measure()
            value = next(iter(self._found.values()))
            if self._best is None or value <= self._best[0]:
                weights = [
                    {name: tensor.clone() for name, tensor in part.state_dict().items()}
                    for part in self._parts
                ]
                self._best = value, step, weights
        self._report(step, {**figures, **self._found})

    @property
    def _found_best(self) -> tuple[float, int, list[dict[str, Tensor]]]:
        if self._best is None:
            raise RuntimeError("no step was reported yet")
        return self._best

    def restore(self) -> int:
        """Give the parts the best weights seen, and return the step they are of."""
        _, step, weights = self._found_best
        for part, kept in zip(self._parts, weights, strict=True):
            part.load_state_dict(kept)
        return step

    def state_dict(self) -> dict[str, Tensor]:
        """What was found and remembered so far, for a training that is resumed."""
        value, step, parts = self._found_best
        state = {"value": torch.tensor(value, dtype=torch.float64), "step": torch.tensor(step)}
        for name, found in self._found.items():
            state[f"found.{name}"] = torch.tensor(found, dtype=torch.float64)
        for index, part in enumerate(parts):
            state |= {f"weights.{index}.{name}": tensor for name, tensor in part.items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from there."""
        self._found = {name: value.item() for name, value in below(state, "found.").items()}
        parts = [below(state, f"weights.{index}.") for index in range(len(self._parts))]
        self._best = state["value"].item(), int(state["step"]), parts


def set_apart(recording: Recording, held_out: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Held-out episodes to choose weights by, every other one, and the rest to score them on.

    Nothing is chosen and scored on the same episode. With fewer than four that have a clip of `steps` model steps,
    there are none to choose by.
    """
    usable = np.array([episode for episode in held_out if len(recording.clips(steps + 1, [episode]))])
    if len(usable) < LEAST_EPISODES:
        return held_out[:0], held_out
    validation = usable[1::2]
    return validation, np.setdiff1d(held_out, validation)
