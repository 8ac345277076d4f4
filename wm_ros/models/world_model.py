"""The latent action world model as one object: encode, infer, predict, and the controller both ways."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wm_ros.models.bottlenecks.bottleneck import Bottleneck
from wm_ros.models.bottlenecks.build import build_bottleneck
from wm_ros.models.card import Card, CheckpointError
from wm_ros.models.controller import ActionOnly, NoAction, PassThrough, StateConditioned
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.forward_model import ForwardModel
from wm_ros.models.goal_distance import GoalDistance
from wm_ros.models.imagination import Imaginer
from wm_ros.models.inverse_dynamics import InverseDynamics
from wm_ros.models.temporal_distance import TemporalDistance

CONTROLLERS = ("state-conditioned", "action-only")
# Of a base's heading against its position, both in steps at full rate. With more, a plan that holds one action does not
# turn away from the goal's heading to get beside it (1: 52 of 60 goals with a perfect model, .55: all); with less, a
# learned model stops at the goal's place and looks elsewhere (.55: 29 of 40, .8: 33).
HEADING_WEIGHT = 0.8


class WorldModel(nn.Module):
    """Encoder f, inverse dynamics g, forward model p, controller c both ways and goal distance, built from a card.

    Shapes: frames uint8 [B, H, W, 3] RGB; state [B, N, D]; latent action [B, Z]; robot action [B, A] in the SI
    units of the card's robot profile. All steps are one model_dt apart.
    """

    encoder: Encoder
    bottleneck: Bottleneck
    action_scale: Tensor
    latent_actions = True  # it infers them, and can be asked what robot action is behind one
    needs_pose = False
    precisions = (torch.float32, torch.bfloat16)  # that it can imagine in

    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card
        self.encoder = build_encoder(card.encoder, len(card.robot.cameras))
        tokens, dim, latent = self.encoder.tokens, self.encoder.dim, card.latent_action_dim
        actions = len(card.robot.action)
        g, p, c = card.inverse_dynamics, card.forward_model, card.controller
        for part in (g, p, c):
            if tokens % part.merge:
                raise CheckpointError(f"merge must divide the {tokens} tokens of a frame, got {part.merge}")
        self.bottleneck = build_bottleneck(card.bottleneck, latent)
        self.inverse_dynamics = InverseDynamics(tokens, dim, self.bottleneck.outputs, **vars(g))
        self.forward_model = ForwardModel(tokens, dim, latent, **vars(p))
        self.controller: nn.Module
        self.controller_inverse: nn.Module
        if card.labelled:
            self.controller, self.controller_inverse = PassThrough(), PassThrough()
        else:
            self.controller = build_controller(card, tokens, dim)
            self.controller_inverse = StateConditioned(latent, actions, tokens, dim, **vars(c))
        self.goal_distance: GoalDistance | TemporalDistance
        if card.goal_distance == "temporal":
            self.goal_distance = TemporalDistance(tokens, dim)
        else:
            self.goal_distance = GoalDistance(tokens, dim, actions, heading_radius=heading_radius_of(card))
        scale = torch.tensor(card.action_scale, dtype=torch.float32)
        self.register_buffer("action_scale", scale, persistent=False)

    @property
    def device(self) -> torch.device:
        return self.action_scale.device

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [B, H, W, 3] to states [B, N, D]; every frame on its own, so the past never changes."""
        return self.encoder(frames)

    def infer(self, before: Tensor, after: Tensor) -> Tensor:
        """The latent action [B, Z] that leads from state `before` to state `after`, after the bottleneck."""
        return self.bottleneck.mean(self.inverse_dynamics(before, after))

    def latent_action(self, action: Tensor, state: Tensor) -> Tensor:
        """Controller: what robot action [B, A] (SI) means as a latent action [B, Z] in this state."""
        return self.controller(action / self.action_scale, state)

    def robot_action(self, latent_action: Tensor, state: Tensor) -> Tensor:
        """The way back: the robot action [B, A] (SI) behind a latent action [B, Z] in this state."""
        return self.controller_inverse(latent_action, state) * self.action_scale

    def rollout(self, state: Tensor, actions: Tensor) -> Tensor:
        """Imagine robot actions [B, H, A] (SI) from state [B, N, D]: predicted states [B, H, N, D]."""
        return self.forward_model.unroll(
            state, actions.shape[1], lambda step, before: self.latent_action(actions[:, step], before)
        )

    def imaginer(self, precision: torch.dtype = torch.float32, compiled: bool = False) -> Imaginer:
        """As `rollout`, for the many candidates of a plan: imaginer(observed [T, N, D])(actions [S, H, A]) gives states
        [S, H, N, D]; what the candidates share is computed once. No gradients."""
        return Imaginer(
            self.forward_model, self.controller, self.infer, self.action_scale, precision, compiled
        )

    def latent_imaginer(self, precision: torch.dtype = torch.float32, compiled: bool = False) -> Imaginer:
        """As `imaginer`, for latent actions [S, H, Z] in place of robot actions: the controller has no part in it."""
        unscaled = torch.ones(self.card.latent_action_dim, device=self.device)
        return Imaginer(self.forward_model, PassThrough(), self.infer, unscaled, precision, compiled)


def heading_radius_of(card: Card) -> float | None:
    """The radius on which a base's heading is placed, in model steps at full rate; None for a robot of joints."""
    return HEADING_WEIGHT / (card.action_scale[1] * card.robot.model_dt) if card.robot.is_base else None


def build_controller(card: Card, tokens: int, dim: int) -> nn.Module:
    """The controller from robot action to latent action that a card describes, of states [tokens, dim]."""
    actions, latent, size = len(card.robot.action), card.latent_action_dim, card.controller
    if card.controller_kind not in CONTROLLERS:
        raise CheckpointError(
            f"unknown controller_kind {card.controller_kind!r}; known: {', '.join(CONTROLLERS)}"
        )
    if card.bottleneck["name"] == "deterministic":
        return NoAction(latent)
    if card.controller_kind == "action-only":
        return ActionOnly(actions, latent, size.width)
    return StateConditioned(actions, latent, tokens, dim, **vars(size))
