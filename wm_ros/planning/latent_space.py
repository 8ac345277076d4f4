"""Planning in latent actions: the forward model alone imagines, the way back finds the robot actions behind them."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.bottlenecks.discrete import Discrete
from wm_ros.models.planning_model import PlanningModel
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.bounds import bounds_of
from wm_ros.planning.latent_bounds import LatentBounds
from wm_ros.planning.rollout import LatentRollout
from wm_ros.planning.space import Decided
from wm_ros.planning.way_back import robot_actions


class LatentSpace:
    """Vectors are latent actions as the checkpoint's bottleneck makes them.

    Raises ValueError for a model without latent actions, and for a card that does not say their standard deviation.
    """

    def __init__(self, model: PlanningModel, precision: torch.dtype, compiled: bool) -> None:
        if not isinstance(model, WorldModel):
            raise ValueError(
                "planner.space latent needs a model with latent actions, and this one is told robot actions: use action"
            )
        self.model, self.limits = model, bounds_of(model.card.robot, model.device)
        self.imaginer = model.latent_imaginer(precision, compiled)
        self.by_actions = model.imaginer(precision)
        self.std = _std_of(model)

    def here(self, observed: Tensor) -> LatentsHere:
        return LatentsHere(self, observed)


class LatentsHere:
    """Latent actions as seen from one state, where the controller says what the robot can do.

    What is lost on the way to a robot action within the limits and back, ``norm(z - c(clip(c_inverse(z))))``, the robot
    cannot do. Its unit is how far one component of the action at its limit is from standing still, so that it counts in
    model steps at full rate. As much as the robot's own actions lose on this way is the networks' error, and free.
    """

    def __init__(self, space: LatentSpace, observed: Tensor) -> None:
        self._model, self._limits, self._state = space.model, space.limits, observed[-1]
        self.imagine, self._by_actions = space.imaginer(observed), space.by_actions(observed)
        ends = torch.cat([torch.diag(space.limits.high), torch.diag(space.limits.low)])
        ends = torch.cat([torch.zeros_like(ends[:1]), ends])
        states = self._state.expand(len(ends), -1, -1)
        self._own = own = self._model.latent_action(ends, states)
        self._unit = (own[1:] - own[0]).norm(dim=1).mean().clamp(min=1e-6)
        self._free = (own - self._there_and_back(own, states)).norm(dim=1).max()
        self.bounds = LatentBounds(space.model.bottleneck, own, space.std, self._doable)

    def _doable(self, latent_actions: Tensor) -> Tensor:
        return self._there_and_back(latent_actions, self._state.expand(len(latent_actions), -1, -1))

    def from_actions(self, actions: Tensor) -> Tensor:
        """What the controller makes of robot actions along the way that they lead."""
        before = self._before(self._by_actions(actions)).flatten(0, 1)
        return self._model.latent_action(actions.flatten(0, 1), before).view(*actions.shape[:2], -1)

    def choices(self) -> Tensor:
        """The codes, and standing still."""
        if not isinstance(self._model.bottleneck, Discrete):
            raise ValueError("method 'categorical' needs a model with a discrete bottleneck")
        return torch.cat([self._model.bottleneck.codes, self._own[:1]])

    def missed(self, latent_actions: Tensor, states: Tensor) -> Tensor:
        before, z = self._before(states).flatten(0, 1), latent_actions.flatten(0, 1)
        lost = (z - self._there_and_back(z, before)).norm(dim=1)
        steps: Tensor = (lost - self._free).clamp(min=0.0) / self._unit
        return steps.view(latent_actions.shape[:2])

    def decide(self, elites: Tensor, held: int, rollout: LatentRollout) -> Decided:
        """A rate for every model step: the same latent action means another one in the next state."""
        latent_actions = elites.repeat_interleave(held, dim=1)
        before = self._before(self.imagine(rollout.executed(latent_actions))).flatten(0, 1)
        actions = robot_actions(self._model, latent_actions.flatten(0, 1), before)
        rates = self._limits.clamp(actions)
        first = latent_actions[0, :1]
        missed = (first - self._there_and_back(first, before[:1])).norm() / self._unit
        full = torch.maximum(self._limits.high.abs(), self._limits.low.abs())
        beyond = ((actions[0] - rates[0]).abs() / full).max()
        return Decided(rates.view(*latent_actions.shape[:2], -1), 1, missed, beyond)

    def _there_and_back(self, latent_actions: Tensor, states: Tensor) -> Tensor:
        """The latent actions [B, Z] of the robot actions within the limits that are behind these."""
        actions = self._limits.clamp(self._model.robot_action(latent_actions, states))
        return self._model.latent_action(actions, states)

    def _before(self, states: Tensor) -> Tensor:
        """The states [S, H, N, D] in which steps begin that lead to these."""
        return torch.cat([self._state.expand(len(states), 1, -1, -1), states[:, :-1]], dim=1)


def _std_of(model: WorldModel) -> Tensor:
    """The standard deviation [Z] of the latent actions in training, as the card says."""
    variance = model.card.training.get("per_dimension", {}).get("variance_per_dimension")
    if variance is None or len(variance) != model.card.latent_action_dim:
        raise ValueError(
            "planner.space latent needs training.per_dimension.variance_per_dimension, one number for each of the "
            f"{model.card.latent_action_dim} dimensions of the latent action, in the card of the checkpoint, which has "
            f"{variance!r}: train it again, or use action"
        )
    return torch.tensor(variance, device=model.device).clamp(min=0.0).sqrt()
