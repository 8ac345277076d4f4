"""What stages and nodes need of a world model, whichever kind it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from wm_ros.models.encoders.encoder import Encoder
from wm_ros.robots.profile import RobotProfile


class ModelCard(Protocol):
    """What every card says."""

    @property
    def robot(self) -> RobotProfile: ...


class Distance(Protocol):
    """Distance between states [..., N, D]: that of their embeddings [..., P]."""

    @property
    def embed(self) -> Callable[[Tensor], Tensor]: ...

    @property
    def displaces(self) -> bool:
        """Whether the difference of two embeddings is how far each component of an action must go, in model steps at
        full rate."""
        ...

    @property
    def rests(self) -> bool:
        """Whether a robot that is told nothing stays where its state is placed."""
        ...

    @property
    def latent_step(self) -> Tensor | None:
        """How far a state moves in a model step at full rate; None where latents themselves are not compared."""
        ...


class CandidateImaginer(Protocol):
    """Called with the observed states [T, N, D], newest last: a function from actions [S, H, A] to states [S, H, N, D].

    roll: the part that can be compiled.
    """

    roll: Callable[..., Tensor]

    def __call__(self, observed: Tensor) -> Callable[[Tensor], Tensor]: ...


class PlanningModel(Protocol):
    """`WorldModel` and `ActionConditionedModel` as a planner sees them.

    latent_actions: it infers them, and tells the robot action behind one. needs_pose: it must be told the pose of the
    end effector before each plan. precisions: those it can imagine in, most exact first.
    """

    @property
    def encoder(self) -> Encoder: ...

    @property
    def card(self) -> ModelCard: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def latent_actions(self) -> bool: ...

    @property
    def needs_pose(self) -> bool: ...

    @property
    def precisions(self) -> tuple[torch.dtype, ...]: ...

    @property
    def goal_distance(self) -> Distance: ...

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [B, H, W, 3] to states [B, N, D]."""
        ...

    def imaginer(self, precision: torch.dtype = ..., compiled: bool = ...) -> CandidateImaginer: ...
