"""What a trained model is worth on episodes it has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.optimise import TrainingError
from wm_ros.training.r2 import r2
from wm_ros.training.world_model import copy_error, imagine, inferred

SCORED_CLIPS = 2048
CHECKED = 512  # clips, while it trains
PLAN_STEPS = 3
PLAN_STARTS = 64
PLAN_LENDERS = 32
# In model steps at full rate; keeps the ratio of a perfect choice finite.
LEAST_PLAN_ERROR = 1e-3
PROBE_STEPS = 1500
PROBE_BATCH = 256


@torch.no_grad()
def world_model_scores(model: WorldModel, clips: Clips, seed: int) -> dict[str, float]:
    """Errors on held-out clips, each a share of the error of predicting no change.

    `rollout` uses the true latent actions. The rest is of `action_gap`, `planning_gap`, `transfer`
    and the health of the bottleneck.
    """
    states, actions = _subset(clips, seed)
    latents, raw = inferred(model, states)
    return {
        **action_gap(model, states[:, :2]),
        "motion": motion(model, states, latents),
        "planning_gap": planning_gap(model, states, actions),
        "rollout": _error(imagine(model, states[:, 0], latents), states[:, 1:]) / copy_error(states),
        **transfer(model, states[:, :2]),
        **{name: value.item() for name, value in model.bottleneck.health(raw).items() if not value.ndim},
    }


@torch.no_grad()
def action_gap(model: WorldModel, pairs: Tensor) -> dict[str, float]:
    """What the latent actions between pairs of states [B, 2, N, D] are good for.

    `one_step`: error as a share of that of predicting no change. `action_gap_shuffled` and `action_gap_zero`: how many
    times larger it becomes with another clip's latent actions, or with none. About 1: the latent action is ignored.
    """
    before, after = pairs[:, 0], pairs[:, 1]
    latents = model.infer(before, after)
    true = _error(_follow(model, before, latents), after)
    return {
        "one_step": true / copy_error(pairs),
        "action_gap_shuffled": _error(_follow(model, before, latents.roll(1, dims=0)), after) / true,
        "action_gap_zero": _error(_follow(model, before, torch.zeros_like(latents)), after) / true,
    }


@torch.no_grad()
def planning_gap(model: WorldModel, states: Tensor, actions: Tensor) -> float:
    """Planning without a controller: how many times nearer to the right command the world model chooses than chance.

    Of clips with states [B, T + 1, N, D] and robot actions [B, T, A], each of the first borrows the latent actions of
    those that begin most alike, and takes what leads it nearest to its own last state. Error: between the summed
    commands of the clip it took them from and its own; the figure is that of a random choice among the same clips over
    that of the model's. Its own latent actions are not among them, so one that tells the future does not help.
    """
    steps, starts = min(PLAN_STEPS, actions.shape[1]), min(PLAN_STARTS, len(states))
    lenders = min(PLAN_LENDERS, len(states) - 1)
    if not lenders:
        return 1.0
    states, actions = states[:, : steps + 1], actions[:, :steps]
    begin = states[:, 0].flatten(1)
    apart = torch.cdist(begin[:starts], begin)
    apart.fill_diagonal_(math.inf)
    lender = apart.topk(lenders, largest=False).indices
    latents = model.infer(states[:, :-1].flatten(0, 1), states[:, 1:].flatten(0, 1)).unflatten(0, (-1, steps))
    borrowed = latents[lender].flatten(0, 1)
    reached = imagine(model, states[:starts, 0].repeat_interleave(lenders, dim=0), borrowed)[:, -1]
    left = (
        (reached.unflatten(0, (starts, lenders)) - states[:starts, None, -1]).square().flatten(2).sum(dim=2)
    )
    moved = (actions / model.action_scale).sum(dim=1)
    off = (moved[lender] - moved[:starts, None]).square().sum(dim=2).sqrt()
    chosen = off.gather(1, left.argmin(dim=1, keepdim=True)).mean()
    return (off.mean() / chosen.clamp_min(LEAST_PLAN_ERROR)).item()


@torch.no_grad()
def transfer(model: WorldModel, pairs: Tensor) -> dict[str, float]:
    """Whether a latent action is one, and not a picture of what comes: two checks of [LAM] on pairs [B, 2, N, D].

    `leakage`: error across a cut, from each clip's first state to the second of another clip, over the error without.
    2.0 .. 2.5 in [LAM]; about 1 when the latent action tells the forward model the future. `cycle`: the latent action
    is applied to another clip, inferred from what follows there, and applied back; error over that without the
    detour. 1.03 .. 1.34 in [LAM].
    """
    before, after = pairs[:, 0], pairs[:, 1]
    latents = model.infer(before, after)
    true = _error(_follow(model, before, latents), after)
    elsewhere = after.roll(1, dims=0)
    cut = _error(_follow(model, before, model.infer(before, elsewhere)), elsewhere)
    other = before.roll(1, dims=0)
    back = model.infer(other, _follow(model, other, latents))
    return {"leakage": cut / true, "cycle": _error(_follow(model, before, back), after) / true}


@torch.no_grad()
def motion(model: WorldModel, states: Tensor, latents: Tensor) -> float:
    """Whether latent actions are motion, or name places: how different two clips are after one was given the latent
    actions [B, T, Z] of the other, over how different they were at the start; states [B, T + 1, N, D].

    1 where they stay as different as they were, 0 where one has become the other. `transfer` does not tell: what leads
    to a place from anywhere is inferred anywhere, and leads there again.
    """
    other = states[:, 0].roll(1, dims=0)
    ends = imagine(model, other, latents)[:, -1]
    apart, before = (
        (one - two).flatten(1).norm(dim=1).mean().item()
        for one, two in ((ends, states[:, -1]), (other, states[:, 0]))
    )
    return apart / before if before else 1.0


@torch.no_grad()
def dimension_scores(model: WorldModel, clips: Clips, seed: int) -> dict[str, list[float]]:
    """Health of each dimension of the latent action on held-out clips, such as `variance_per_dimension`."""
    health = model.bottleneck.health(inferred(model, _subset(clips, seed)[0])[1])
    each = {name: value.tolist() for name, value in health.items() if value.ndim}
    return {name: [round(value, 4) for value in values] for name, values in each.items()}


@torch.no_grad()
def controller_scores(model: WorldModel, clips: Clips, seed: int) -> dict[str, float]:
    """The controller on held-out clips: rollout error from robot actions, its ratio to that from true latent actions,
    and R2 of the robot action read back from the latent one."""
    states, actions = _subset(clips, seed)
    latents, _ = inferred(model, states)
    informed = _error(imagine(model, states[:, 0], latents), states[:, 1:])
    steered = controller_error(model, states, actions)
    back = model.robot_action(latents[:, 0], states[:, 0])
    return {
        "controller_rollout": steered,
        "controller_gap": steered * copy_error(states) / informed,
        "latent_action_r2": _r2(actions[:, 0], back),
    }


@torch.no_grad()
def controller_error(model: WorldModel, states: Tensor, actions: Tensor) -> float:
    """Error of imagining clips [B, T + 1, N, D] from their robot actions [B, T, A], a share of that of no change."""
    return _error(model.rollout(states[:, 0], actions), states[:, 1:]) / copy_error(states)


def held_out_error(model: WorldModel, clips: Clips, seed: int) -> Callable[[], dict[str, float]]:
    """A measure of a model on some clips, for as long as it trains: `controller_rollout`."""
    rows = np.random.default_rng(seed).permutation(len(clips))[:CHECKED]
    states, actions = clips.labelled(rows)
    return lambda: {"controller_rollout": controller_error(model, states, actions)}


def action_probe(train: Clips, held_out: Clips, seed: int) -> float:
    """R2 on held-out episodes of the robot action read from two states a model step apart ([ACT] section 5).

    An MLP of 256 and 128 units on mean-pooled states; constant predictor 0 by definition.
    """
    generator, choose = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    states, actions = _subset(held_out, seed)
    actions_size = actions.shape[-1]
    probe = _probe(2 * states.shape[-1], actions_size, generator).to(train.device)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=1e-3)
    std = torch.from_numpy(train.first_actions()).std(dim=0).to(train.device)
    with torch.enable_grad():
        for _ in range(PROBE_STEPS):
            seen, wanted = train.labelled(choose.integers(0, len(train), PROBE_BATCH))
            loss = F.mse_loss(probe(_pairs(seen)), wanted[:, 0] / std)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return _r2(actions[:, 0], probe(_pairs(states)) * std)


def _probe(inputs: int, outputs: int, generator: torch.Generator) -> nn.Sequential:
    layers = nn.Sequential(
        nn.Linear(inputs, 256), nn.GELU(), nn.Linear(256, 128), nn.GELU(), nn.Linear(128, outputs)
    )
    for layer in (module for module in layers if isinstance(module, nn.Linear)):
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)
    return layers


def _r2(actions: Tensor, found: Tensor) -> float:
    score = r2(actions.cpu().numpy(), found.cpu().numpy())
    if score is None:
        raise TrainingError(
            "a component of the commands never changes in the episodes to score on: record more"
        )
    return score


def _pairs(states: Tensor) -> Tensor:
    return torch.cat([states[:, 0].mean(dim=1), states[:, 1].mean(dim=1)], dim=-1)


def _subset(clips: Clips, seed: int) -> tuple[Tensor, Tensor]:
    count = min(SCORED_CLIPS, len(clips))
    return clips.labelled(np.random.default_rng(seed).choice(len(clips), count, replace=False))


def _follow(model: WorldModel, states: Tensor, latents: Tensor) -> Tensor:
    """The states [B, N, D] that follow states under latent actions [B, Z]."""
    return model.forward_model.step(states, latents)[0]


def _error(predicted: Tensor, true: Tensor) -> float:
    return F.mse_loss(predicted, true).item()
