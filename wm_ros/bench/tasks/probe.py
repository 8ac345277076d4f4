"""What a model's states know of a task: probes that are asked where everything is, in scenes that nobody has seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from wm_ros.bench.bottlenecks.runs import write_json
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.lockstep import FIRST_SCENE
from wm_ros.tasks.simulated import simulated, task_of
from wm_ros.training.probes import fit
from wm_ros.training.r2 import r2

LEARNED, ASKED = 200, 50  # episodes that the probes learn from, and others that they are asked about
EPISODE_S, PERIOD_S = 8.0, 0.4
MOTION_S = 0.1  # commands change so often
STEPS = 3000
SCENES = FIRST_SCENE + 100_000_000  # beside those of the goals


def known_parts(
    path: Path, profile: RobotProfile, model: WorldModel, seed: int, progress: Callable[[float], None]
) -> dict[str, float]:
    """R2 of each part of the task's state, `knows finger` and so on; those that the file holds are not asked again."""
    if path.is_file():
        known: dict[str, float] = json.loads(path.read_text())
        return known
    frames, states, episodes = _episodes(profile, LEARNED + ASKED, lambda share: progress(0.5 * share))
    with torch.inference_mode():
        latents = [
            model.encode(torch.from_numpy(part)) for part in np.array_split(frames, len(frames) // 64 + 1)
        ]
    inputs = torch.cat(latents).flatten(1).float().numpy()
    parts = task_of(profile, simulated(profile)).parts(states)
    wanted = np.concatenate(list(parts.values()), axis=1)
    learned = episodes < LEARNED
    predict = fit(
        [inputs[learned]],
        wanted[learned],
        episodes[learned],
        [seed],
        STEPS,
        lambda share: progress(0.5 + 0.5 * share),
    )
    found, known, start = predict(inputs[~learned], 0), {}, 0
    for name, part in parts.items():
        columns = slice(start, start := start + part.shape[1])
        explained = r2(wanted[~learned, columns], found[:, columns])
        if explained is not None:
            known[f"knows {name}"] = explained
    write_json(path, known)
    return known


def _episodes(
    profile: RobotProfile, count: int, progress: Callable[[float], None]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames [F, H, W, 3], states [F, P] and numbers of the episodes [F] of recorded motion in unseen scenes."""
    robot = simulated(profile)
    simulator = robot.simulator()
    frames, states, numbers = [], [], []
    every = round(PERIOD_S / MOTION_S)
    for number in range(count):
        simulator.reset(SCENES + number)
        motion = robot.motion(profile, np.random.default_rng([number, 7]))
        for step in range(round(EPISODE_S / MOTION_S)):
            if step % every == 0:
                frames.append(simulator.render())
                states.append(simulator.positions.copy())
                numbers.append(number)
            simulator.step(motion(simulator.positions, MOTION_S), MOTION_S)
        progress((number + 1) / count)
    return np.stack(frames), np.stack(states), np.array(numbers)
