"""Demonstrations imitated in lockstep: along goals, by latent actions, to the last picture alone, by their commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from wm_ros.messages.plan import Plan
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.options import planner_of
from wm_ros.robots.profile import RobotProfile
from wm_ros.stages.encode import Encode
from wm_ros.stages.sequence import SequenceOptions
from wm_ros.stages.subgoals import subgoals
from wm_ros.tasks.demonstrations import PERIOD_S, ExpertDemonstration, demonstrate, kinds_of, other_start
from wm_ros.tasks.lockstep import LockstepOptions, drive
from wm_ros.tasks.sequenced import Replayed, Sequenced
from wm_ros.tasks.simulated import simulated, task_of

SPACING = 4.0  # of goals along the way, as `wm_ros drive --goals` has it
OTHER_SCENE = 500  # so far from the demonstration's seed
STILL_S = 1.5  # after the end, so that what is held can be judged
TIMES, MORE_S = 2.0, 10.0  # of the demonstration's own time, that a trial may take


class Driver(Protocol):
    @property
    def over(self) -> bool: ...

    def __call__(self, stamp_ns: int, frame: np.ndarray) -> Plan: ...


# From the model and a demonstration and its number to what drives.
MakeDriver = Callable[[WorldModel, ExpertDemonstration, int], Driver]


def compare(
    model: WorldModel,
    profile: RobotProfile,
    count: int,
    seed: int,
    other_scene: bool,
    progress: Callable[[str], None],
) -> dict[str, dict[str, object]]:
    """Of each kind of demonstration and each way to imitate it: how many were done, and how far from the path.

    progress: called with a row's name after each trial.
    """
    table: dict[str, dict[str, object]] = {}
    for name, kind in kinds_of(profile).items():
        shown = [demonstrate(profile, kind, number, seed) for number in range(count)]
        for way, make_driver in WAYS.items():
            row, trials = f"{name}: {way}", []
            for number, one in enumerate(shown):
                driver = make_driver(model, one, number)
                trials.append(trial(profile, driver, one, number, seed, other_scene))
                progress(row)
            done, off, seconds = (np.array(column) for column in zip(*trials, strict=True))
            table[row] = {
                "success_rate": round(float(done.mean()), 3),
                "from_path_cm": round(100 * float(off.mean()), 1),
                "seconds": round(float(np.median(seconds)), 1),
                "trials": len(trials),
            }
    return table


def trial(
    profile: RobotProfile,
    driver: Driver,
    shown: ExpertDemonstration,
    number: int,
    seed: int,
    other_scene: bool,
) -> tuple[bool, float, float]:
    """Whether it was done, the mean distance from the demonstrated path in m, and the seconds it took."""
    robot = simulated(profile)
    task = task_of(profile, robot)
    simulator = robot.simulator(shown.scene + OTHER_SCENE * other_scene)
    simulator.place(other_start(task, shown, number, seed))
    ended_s: list[float] = []

    def ended(times_s: np.ndarray, track: np.ndarray) -> bool:
        if driver.over and not ended_s:
            ended_s.append(times_s[-1])
        return bool(ended_s) and times_s[-1] - ended_s[0] >= STILL_S

    limit_s = TIMES * len(shown.states) * PERIOD_S + MORE_S
    times_s, track = drive(profile, driver, simulator, shown.states[-1], LockstepOptions(), limit_s, ended)
    off = apart(
        shown.places(task, track[:: round(PERIOD_S * profile.command.rate_hz)]),
        shown.places(task, shown.states),
    )
    return shown.done(task, times_s, track), off, float(ended_s[0] if ended_s else times_s[-1])


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of two paths [S, 2] and [T, 2], points in order, whatever time they take: dynamic time warping."""
    far = np.linalg.norm(one[:, None] - other[None], axis=2)
    cost = np.full((len(one) + 1, len(other) + 1), np.inf)
    pairs = np.zeros_like(cost)
    cost[0, 0] = 0.0
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            before = min((i - 1, j - 1), (i - 1, j), (i, j - 1), key=lambda pair: cost[pair])
            cost[i, j], pairs[i, j] = cost[before] + far[i - 1, j - 1], pairs[before] + 1
    return float(cost[-1, -1] / pairs[-1, -1])


@torch.inference_mode()
def states_of(model: WorldModel, frames: np.ndarray) -> Tensor:
    """Latents [F, N, D] of frames."""
    encode = Encode(model)
    return torch.stack([encode(frame) for frame in frames])


def steps_of(model: WorldModel, shown: ExpertDemonstration) -> np.ndarray:
    """Indexes of frames a model step apart, the last one too."""
    stride = model.card.robot.model_dt / PERIOD_S
    last = len(shown.frames) - 1
    return np.unique([*np.arange(0, last, stride).round().astype(int), last])


def reached_of(model: WorldModel) -> float:
    """The goal distance at which a goal is reached; ValueError when the card does not say."""
    if model.card.reached is None:
        raise ValueError(
            "the checkpoint does not say at which distance a goal is reached: `wm_ros calibrate`"
        )
    return model.card.reached.distance


def _sequenced(model: WorldModel, goals: list[Tensor], limit_s: float, number: int) -> Sequenced:
    options = SequenceOptions(reached_of(model), limit_s=limit_s)
    robot = model.card.robot
    return Sequenced(model, planner_of(robot), goals, options, LockstepOptions().latency_s, number)


def along_goals(model: WorldModel, shown: ExpertDemonstration, number: int) -> Driver:
    states = states_of(model, shown.frames)
    places = model.goal_distance.embed(states).detach().numpy()
    chosen = subgoals(places, SPACING * reached_of(model))
    return _sequenced(model, [states[index] for index in chosen], 20.0, number)


def by_latent_actions(model: WorldModel, shown: ExpertDemonstration, number: int) -> Driver:
    states = states_of(model, shown.frames[steps_of(model, shown)])
    return _sequenced(model, [states], 3600.0, number)


def to_the_last(model: WorldModel, shown: ExpertDemonstration, number: int) -> Driver:
    return _sequenced(model, [states_of(model, shown.frames[-1:])[0]], 20.0, number)


def by_commands(model: WorldModel, shown: ExpertDemonstration, number: int) -> Driver:
    return Replayed(model.card.robot.names, shown.rates, PERIOD_S)


WAYS: dict[str, MakeDriver] = {
    "goals along the way": along_goals,
    "latent actions, planned around": by_latent_actions,
    "last picture alone": to_the_last,
    "commands replayed": by_commands,
}
