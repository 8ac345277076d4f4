"""What a trained model is worth on episodes it has not seen."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.evaluation.closed_loop import r2
from wm_ros.models import bottleneck
from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.world_model import copy_error, imagine, inferred

SCORED_CLIPS = 2048
PROBE_STEPS = 1500
PROBE_BATCH = 256


@torch.no_grad()
def world_model_scores(model: WorldModel, clips: Clips, seed: int) -> dict[str, float]:
    """Errors on held-out clips, each a share of the error of predicting no change.

    `one_step` and `rollout` use the true latent actions. `action_gap_shuffled` and `action_gap_zero`: how many times
    larger the one-step error becomes with another clip's latent actions, or with none. About 1 means that the
    latent action is ignored. `kl`: nats per latent action; `active_dimensions`: those with more than 0.1 nat.
    """
    states, _ = _subset(clips, seed)
    latents, log_variance = inferred(model, states)
    one_step = _error(imagine(model, states[:, 0], latents[:, :1])[:, 0], states[:, 1])
    other = imagine(model, states[:, 0], latents[:, :1].roll(1, dims=0))[:, 0]
    none = imagine(model, states[:, 0], torch.zeros_like(latents[:, :1]))[:, 0]
    kl = bottleneck.kl_per_dimension(latents, log_variance)
    return {
        "one_step": one_step / copy_error(states[:, :2]),
        "rollout": _error(imagine(model, states[:, 0], latents), states[:, 1:]) / copy_error(states),
        "action_gap_shuffled": _error(other, states[:, 1]) / one_step,
        "action_gap_zero": _error(none, states[:, 1]) / one_step,
        "kl": float(kl.sum()),
        "active_dimensions": int((kl > 0.1).sum()),
    }


@torch.no_grad()
def controller_scores(model: WorldModel, clips: Clips, seed: int) -> dict[str, float]:
    """The controller on held-out clips: rollout error from robot actions, its ratio to that from true latent actions,
    and R2 of the robot action read back from the latent one."""
    states, actions = _subset(clips, seed)
    latents, _ = inferred(model, states)
    informed = _error(imagine(model, states[:, 0], latents), states[:, 1:])
    steered = _error(model.rollout(states[:, 0], actions), states[:, 1:])
    back = model.robot_action(latents[:, 0], states[:, 0])
    return {
        "controller_rollout": steered / copy_error(states),
        "controller_gap": steered / informed,
        "latent_action_r2": r2(actions[:, 0].cpu().numpy(), back.cpu().numpy()),
    }


def action_probe(train: Clips, held_out: Clips, seed: int) -> float:
    """R2 on held-out episodes of the robot action read from two states a model step apart ([ACT] section 5).

    An MLP of 256 and 128 units on mean-pooled states; constant predictor 0 by definition.
    """
    generator, choose = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    states, actions = _subset(held_out, seed)
    actions_size = actions.shape[-1]
    probe = _probe(2 * states.shape[-1], actions_size, generator).to(train.device)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=1e-3)
    spread = torch.from_numpy(train.first_actions()).std(dim=0).to(train.device)
    with torch.enable_grad():
        for _ in range(PROBE_STEPS):
            seen, wanted = train.batch(choose, PROBE_BATCH)
            loss = F.mse_loss(probe(_pairs(seen)), wanted[:, 0] / spread)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return r2(actions[:, 0].cpu().numpy(), (probe(_pairs(states)) * spread).cpu().numpy())


def _probe(inputs: int, outputs: int, generator: torch.Generator) -> nn.Sequential:
    layers = nn.Sequential(
        nn.Linear(inputs, 256), nn.GELU(), nn.Linear(256, 128), nn.GELU(), nn.Linear(128, outputs)
    )
    for layer in layers[::2]:
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)
    return layers


def _pairs(states: Tensor) -> Tensor:
    return torch.cat([states[:, 0].mean(dim=1), states[:, 1].mean(dim=1)], dim=-1)


def _subset(clips: Clips, seed: int) -> tuple[Tensor, Tensor | None]:
    count = min(SCORED_CLIPS, len(clips))
    return clips.take(np.random.default_rng(seed).choice(len(clips), count, replace=False))


def _error(predicted: Tensor, true: Tensor) -> float:
    return F.mse_loss(predicted, true).item()
