"""Planning in robot actions: candidates are what the robot can be told, and the controller says what they mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from wm_ros.models.bottlenecks.discrete import Discrete
from wm_ros.models.planning_model import PlanningModel
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.bounds import Bounds, bounds_of
from wm_ros.planning.rollout import LatentRollout
from wm_ros.planning.space import Decided


class ActionSpace:
    """Vectors are robot actions (SI) within the limits of the profile."""

    def __init__(self, model: PlanningModel, precision: torch.dtype, compiled: bool) -> None:
        self._model = model
        self._bounds = bounds_of(model.card.robot, model.device)
        self.imaginer = model.imaginer(precision, compiled)

    def here(self, observed: Tensor) -> ActionsHere:
        return ActionsHere(self._model, self._bounds, self.imaginer(observed), observed[-1])


class ActionsHere:
    missed = None

    def __init__(
        self, model: PlanningModel, bounds: Bounds, imagine: Callable[[Tensor], Tensor], state: Tensor
    ) -> None:
        self._model, self._state = model, state
        self.bounds, self.imagine = bounds, imagine

    def from_actions(self, actions: Tensor) -> Tensor:
        return actions

    def choices(self) -> Tensor:
        """The robot actions behind the codes of the latent action in this state."""
        if not isinstance(self._model, WorldModel) or not isinstance(self._model.bottleneck, Discrete):
            raise ValueError("method 'categorical' needs a model with a discrete bottleneck")
        codes = self._model.bottleneck.codes
        return self._model.robot_action(codes, self._state.expand(len(codes), -1, -1))

    def decide(self, elites: Tensor, held: int, rollout: LatentRollout) -> Decided:
        nothing = elites.new_zeros(())
        return Decided(elites, held, nothing, nothing)
