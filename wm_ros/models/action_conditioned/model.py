"""V-JEPA 2-AC as a world model for the planner: encoder, predictor, and poses that follow from the actions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from wm_ros.models.action_conditioned.pose import euler, moved, turn
from wm_ros.models.action_conditioned.predictor import POSE, ActionPredictor
from wm_ros.models.card import FORMAT, CheckpointError, read_card_of_kind, read_json
from wm_ros.models.compiled import Compiled
from wm_ros.models.encoders.frozen import FrozenEncoder
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.weights import fill, read_weights, write_weights
from wm_ros.robots.profile import ProfileError, RobotProfile, profile_from_dict

KIND = "vjepa2-ac"
# What each number of a pose is, how fast it changes, and so what a profile's components may be called and measured in.
COMPONENTS = {
    "x": "m/s",
    "y": "m/s",
    "z": "m/s",
    "roll": "rad/s",
    "pitch": "rad/s",
    "yaw": "rad/s",
    "gripper": "1/s",
}
RATE_HZ = 4.0  # of the recordings the published weights were trained on


@dataclass(frozen=True)
class ActionCard:
    """What the card.json of an action-conditioned model says."""

    encoder: dict[str, Any]
    predictor: dict[str, int]
    robot: RobotProfile
    licence: str

    def to_json(self) -> str:
        data = asdict(self) | {"format": FORMAT, "kind": KIND, "robot": self.robot.to_dict()}
        return json.dumps(data, indent=1, sort_keys=True) + "\n"


class TokenDistance(nn.Module):
    """Root mean square difference of the tokens of two states [..., N, D], in units of normalised tokens.

    Not in model steps: nobody told this model how far apart states are. The embedding [..., N D] makes it a plain
    distance.
    """

    displaces = False
    rests = True
    latent_step: Tensor | None = None  # the places are latents

    def embed(self, states: Tensor) -> Tensor:
        flat = states.flatten(-2)
        return flat / flat.shape[-1] ** 0.5

    def forward(self, states: Tensor, goal: Tensor) -> Tensor:
        return (self.embed(states) - self.embed(goal)).norm(dim=-1)


class ActionConditionedModel(nn.Module):
    """What the planner needs of a world model: `card.robot`, `encode`, `rollout` and `goal_distance`.

    Actions are rates [A] of the profile's components in SI units, at the end effector and in the robot's base frame.
    The pose [7] from which a rollout begins must be told before, with `at`.
    """

    latent_actions = False
    needs_pose = True

    encoder: FrozenEncoder
    columns: Tensor
    pose: Tensor

    def __init__(self, card: ActionCard) -> None:
        super().__init__()
        if card.robot.other_cameras:
            raise CheckpointError(
                f"V-JEPA 2-AC sees one camera, and robot {card.robot.name!r} has {len(card.robot.cameras)}: give it a "
                "profile with an entry `camera`"
            )
        self.card = card
        self.encoder = cast(FrozenEncoder, build_encoder(card.encoder))  # V-JEPA 2, always
        side = round(self.encoder.tokens**0.5)
        self.predictor = ActionPredictor(side, self.encoder.dim, **card.predictor).to(self.encoder.precision)
        self.goal_distance = TokenDistance()
        columns = [list(COMPONENTS).index(name) for name in card.robot.names]
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        self.register_buffer("pose", torch.full((POSE,), torch.nan), persistent=False)
        self._knows_pose = False  # asked for with every part of a plan: the device is not to be waited for

    @property
    def device(self) -> torch.device:
        return self.columns.device

    @property
    def precisions(self) -> tuple[torch.dtype, ...]:
        """That of the checkpoint; there is no other to imagine in."""
        return (self.encoder.precision,)

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [B, H, W, 3] to states [B, N, D]; every frame on its own."""
        return self.encoder(frames)

    def at(self, pose: Any) -> None:
        """Where the end effector is now: x y z in m, extrinsic xyz Euler angles in rad, gripper from 0 to 1."""
        pose = torch.as_tensor(pose, dtype=torch.float32)
        if pose.shape != (POSE,) or not pose.isfinite().all():
            raise ValueError(f"a pose has {POSE} finite numbers, got {pose.tolist()}")
        self.pose.copy_(pose)
        self._knows_pose = True

    def forget_pose(self) -> None:
        """Nothing is known of the end effector from now on."""
        self.pose.fill_(torch.nan)
        self._knows_pose = False

    def rollout(self, state: Tensor, actions: Tensor) -> Tensor:
        """Imagine actions [B, H, A] (SI rates) from state [B, N, D] and the pose told last: states [B, H, N, D].

        RuntimeError before the first pose.
        """
        return self.roll(actions, state, self.known_pose)

    @property
    def known_pose(self) -> Tensor:
        """What it was told last, [7]; RuntimeError before the first time."""
        if not self._knows_pose:
            raise RuntimeError(
                "V-JEPA 2-AC needs the pose of the end effector: tell it with `at`, for every frame"
            )
        return self.pose

    def roll(self, actions: Tensor, state: Tensor, pose: Tensor) -> Tensor:
        """The same from this pose [7]; state [N, D], [1, N, D] or [B, N, D]."""
        state, pose = state.expand(len(actions), -1, -1), pose.expand(len(actions), -1)
        past, imagined = self.predictor.begin(), []
        for frame, action in enumerate(self.deltas(actions).unbind(dim=1)):
            state = self.predictor.step(state, action, pose, frame, past)
            pose = moved(pose, action)
            imagined.append(state)
        return torch.stack(imagined, dim=1)

    def imaginer(self, precision: torch.dtype = torch.float32, compiled: bool = False) -> ActionImaginer:
        """As of our own models; the precision is that of the checkpoint, asking for another one is a ValueError."""
        if precision not in (torch.float32, self.encoder.precision):
            raise ValueError(
                f"this checkpoint runs in {self.encoder.precision}, not in {precision}: convert it again"
            )
        return ActionImaginer(self, compiled)

    def deltas(self, actions: Tensor) -> Tensor:
        """What rates [..., A] make of a pose in a model step, as the predictor was trained on: [..., 7]."""
        steps = actions.new_zeros(*actions.shape[:-1], POSE)
        steps[..., self.columns] = actions * self.card.robot.model_dt
        return torch.cat([steps[..., :3], euler(turn(steps[..., 3:6])), steps[..., 6:]], dim=-1)


class ActionImaginer:
    """Called with observed states [T, N, D], then with actions [S, H, A] -> states [S, H, N, D].

    Of the observed states only the newest counts, since the poses of those before are not kept. compiled: see
    `models.compiled`.
    """

    def __init__(self, model: ActionConditionedModel, compiled: bool) -> None:
        self._model = model
        self.roll = Compiled(model.roll, model.device) if compiled else model.roll

    def __call__(self, observed: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda actions: self.roll(actions, observed[-1:], self._model.known_pose)


def is_action_conditioned(folder: Path) -> bool:
    """Whether this folder has the card of such a model."""
    return read_json(folder).get("kind") == KIND


def save_action_conditioned(model: ActionConditionedModel, folder: Path) -> None:
    """Write a model to a folder, which is created."""
    write_weights(model.state_dict(), folder, model.card.to_json())


def load_action_conditioned(folder: str | Path, device: str = "cpu") -> ActionConditionedModel:
    """Read a model for use: evaluation mode, no gradients, on `device`; CheckpointError when it is damaged."""
    folder = Path(folder)
    card = _read_action_card(folder)
    return fill(lambda: ActionConditionedModel(card), read_weights(folder), folder, device)


def require_fitting(robot: RobotProfile) -> None:
    """Raise CheckpointError unless a profile's components are of a pose, as rates, at the model's rate."""
    wrong = [
        f"{component.name} in {component.unit}"
        for component in robot.action
        if COMPONENTS.get(component.name) != component.unit
    ]
    if wrong:
        known = ", ".join(f"{name} in {unit}" for name, unit in COMPONENTS.items())
        raise CheckpointError(
            f"robot {robot.name!r}: V-JEPA 2-AC has no action {', '.join(wrong)}; it has {known}, see "
            "config/robots/franka.yaml"
        )
    if robot.model_rate_hz != RATE_HZ:
        raise CheckpointError(
            f"robot {robot.name!r}: model.rate_hz is {robot.model_rate_hz:g}; V-JEPA 2-AC was trained at {RATE_HZ:g}"
        )


def _read_action_card(folder: Path) -> ActionCard:
    data = read_card_of_kind(folder, KIND, "V-JEPA 2-AC", ("encoder", "licence", "predictor", "robot"))
    try:
        robot = profile_from_dict(data["robot"])
        require_fitting(robot)
    except (CheckpointError, ProfileError) as error:
        raise CheckpointError(f"{folder / 'card.json'}: {error}") from error
    return ActionCard(data["encoder"], data["predictor"], robot, data["licence"])
