"""Do latent actions mean robot actions? Decodes those seen on the topics and compares with what the robot did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wm_ros.training.r2 import r2

if TYPE_CHECKING:
    from wm_ros.models.world_model import WorldModel

STEP_TOLERANCE = 0.25  # of a model step, as stages.infer pairs frames
BATCH = 256


def latent_action_r2(
    model: WorldModel,
    latents: dict[int, np.ndarray],
    latent_actions: Sequence[tuple[int, np.ndarray]],
    states: Sequence[tuple[int, np.ndarray]],
    rates: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> float | None:
    """R2 of decoded latent actions against the robot's mean velocities between the frames of each; None without any.

    latents: [N, D] by stamp; latent_actions: (stamp of the later frame, [Z]); states: (stamp, positions [P]);
    rates(before [S, P], after, seconds [S]): mean actions [S, A].
    """
    if not latents or not states:
        return None
    stamps = np.array([stamp for stamp, _ in states])
    track = np.array([positions for _, positions in states])
    known = np.array(sorted(latents))
    pairs = [
        (start, stamp, action)
        for stamp, action in latent_actions
        if (start := _frame_before(known, stamp, model.card.robot.model_dt)) is not None
        and stamps[0] <= start
        and stamp <= stamps[-1]
    ]
    if not pairs:
        return None
    before = np.array([pair[0] for pair in pairs])
    after = np.array([pair[1] for pair in pairs])
    executed = rates(
        _interpolate(before, stamps, track), _interpolate(after, stamps, track), (after - before) * 1e-9
    )
    latents_before = np.stack([latents[stamp] for stamp in before.tolist()])
    return r2(executed, _decode(model, np.stack([pair[2] for pair in pairs]), latents_before))


def _frame_before(stamps: np.ndarray, stamp: int, model_dt: float) -> int | None:
    target = stamp - round(model_dt * 1e9)
    nearest = int(stamps[np.abs(stamps - target).argmin()])
    return nearest if abs(nearest - target) <= STEP_TOLERANCE * model_dt * 1e9 else None


def _interpolate(times: np.ndarray, stamps: np.ndarray, track: np.ndarray) -> np.ndarray:
    # Differences first: nanoseconds since 1970 do not fit a double.
    since = (times - stamps[0]).astype(np.float64)
    known = (stamps - stamps[0]).astype(np.float64)
    return np.stack([np.interp(since, known, column) for column in track.T], axis=-1)


def _decode(model: WorldModel, latent_actions: np.ndarray, latents: np.ndarray) -> np.ndarray:
    import torch

    with torch.inference_mode():
        decoded = [
            model.robot_action(
                torch.tensor(latent_actions[start : start + BATCH]).to(model.device),
                torch.tensor(latents[start : start + BATCH]).to(model.device),
            )
            for start in range(0, len(latent_actions), BATCH)
        ]
        return torch.cat(decoded).cpu().numpy()
