"""How well a decoder draws what was seen, and what is imagined, on held-out episodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from wm_ros.data.recording import Recording
from wm_ros.models.decoder import Decoder
from wm_ros.models.world_model import WorldModel
from wm_ros.training.seen_frames import SeenFrames, evenly
from wm_ros.training.world_model import imagine, inferred

AHEAD = 6  # model steps
CLIPS = 128
BATCH = 32
LEAST_ERROR = 1e-10  # 100 dB


@torch.no_grad()
def decoder_scores(
    decoder: Decoder,
    model: object,
    recording: Recording,
    episodes: np.ndarray,
    frames: Callable[[np.ndarray], SeenFrames],
    mean: Tensor,
    held_out: SeenFrames,
) -> dict[str, float]:
    """PSNR in dB and R2 of the pixels: of frames redrawn, and imagined 1 and 6 steps ahead from what was commanded.

    R2 is the share of what differs from the mean picture [3, size, size] of the training. As controls `psnr_mean`, that
    of the mean picture for all, and `r2_unchanged`, that of redrawing the frame 6 steps before. Imagining is left out
    of the scores where no held-out episode is long enough, and for models that need a measured pose.
    """
    drawn = redrawn(decoder, held_out.states)
    true = held_out.pictures
    scores = {
        "psnr": psnr(drawn, true),
        "psnr_mean": psnr(mean.expand(true.shape), true),
        "r2": pixel_r2(drawn, true, mean),
    }
    if not isinstance(model, WorldModel):
        return scores
    commanded = np.intersect1d(episodes, recording.labelled_episodes)
    clips = recording.clips(AHEAD + 1, commanded if len(commanded) else episodes)
    if not len(clips):
        return scores
    clips = clips[evenly(np.arange(len(clips)), CLIPS)]
    seen = frames(clips.flatten())
    states = seen.states.unflatten(0, clips.shape).to(model.device)
    pictures = seen.pictures.unflatten(0, clips.shape)
    if len(commanded):
        actions = torch.from_numpy(recording.actions(clips)).to(model.device)
        ahead = model.rollout(states[:, 0], actions)
    else:
        ahead = imagine(model, states[:, 0], inferred(model, states)[0])
    for step in (1, AHEAD):
        drawn = redrawn(decoder, ahead[:, step - 1])
        scores[f"psnr_{step}_ahead"] = psnr(drawn, pictures[:, step])
        scores[f"r2_{step}_ahead"] = pixel_r2(drawn, pictures[:, step], mean)
    scores["r2_unchanged"] = pixel_r2(redrawn(decoder, states[:, 0]), pictures[:, AHEAD], mean)
    return scores


def psnr(drawn: Tensor, true: Tensor) -> float:
    """Mean PSNR in dB of pictures in 0 .. 1 against true ones uint8, both [B, 3, size, size]."""
    errors = (drawn - true.float() / 255.0).square().flatten(1).mean(dim=1)
    return float(-10.0 * errors.clamp_min(LEAST_ERROR).log10().mean())


def pixel_r2(drawn: Tensor, true: Tensor, mean: Tensor) -> float:
    """Share of what true pictures uint8 [B, 3, size, size] differ by from a mean picture that drawn ones tell."""
    pictures = true.float() / 255.0
    total = (pictures - mean).square().sum().clamp_min(LEAST_ERROR)
    return float(1.0 - (drawn - pictures).square().sum() / total)


@torch.no_grad()
def redrawn(decoder: Decoder, states: Tensor) -> Tensor:
    """Pictures [B, 3, size, size] of states [B, N, D], in 0 .. 1 and on the CPU."""
    device = decoder.background.device
    return torch.cat([decoder(some.to(device)).clamp(0.0, 1.0).cpu() for some in states.split(BATCH)])
