"""What several cameras cost the encoder beside one: frames on the host to tokens, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from wm_ros.messages.views import joined
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.imports.vjepa2_layout import input_rule

FRAME, VIT_PIXELS = (480, 640, 3), 256
# Of seeded weights: what they are does not change what they cost.
ENCODERS: dict[str, dict[str, Any]] = {
    "tiny": {"name": "tiny"},
    "video": {"name": "video"},
    "V-JEPA 2 ViT-S": {
        "name": "vjepa2",
        "model": {"width": 384, "depth": 12, "heads": 6, "hidden": 1536},
        "input": input_rule(VIT_PIXELS),
    },
}


def compare(cameras: int, device: str, repeats: int) -> dict[str, dict[str, float]]:
    """Median milliseconds from the frames of one and of several cameras to tokens, and how many times as long.

    What makes one picture of several is counted. Both take turns; on the CPU it is the processor's time of one thread,
    which other work on the machine does not lengthen.
    """
    torch.set_num_threads(1)
    return {name: _row(config, cameras, device, repeats) for name, config in ENCODERS.items()}


def _row(config: dict[str, Any], cameras: int, device: str, repeats: int) -> dict[str, float]:
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    frames = [draw.integers(0, 256, FRAME, dtype=np.uint8) for _ in range(cameras)]
    one, several = (build_encoder(config, count).to(device).eval() for count in (1, cameras))
    taken: tuple[list[float], list[float]] = ([], [])
    for step in range(repeats + 1):
        for times, encoder, shown in zip(taken, (one, several), (frames[:1], frames), strict=True):
            seconds = _seconds(partial(_encode, encoder, shown, device), device)
            if step:  # the first warms up
                times.append(seconds)
    alone, all_ms = (1e3 * statistics.median(times) for times in taken)
    ratios = [b / a for a, b in zip(*taken, strict=True)]
    return {
        "one_camera_ms": round(alone, 2),
        f"{cameras}_cameras_ms": round(all_ms, 2),
        "times_as_long": round(statistics.median(ratios), 2),
    }


@torch.inference_mode()
def _encode(encoder: Encoder, frames: list[np.ndarray], device: str) -> torch.Tensor:
    return encoder(torch.from_numpy(joined(frames)).to(device)[None])


def _seconds(call: Callable[[], object], device: str) -> float:
    on_gpu = device.startswith("cuda")
    clock = time.perf_counter if on_gpu else time.process_time
    began = clock()
    call()
    if on_gpu:
        torch.cuda.synchronize()
    return clock() - began
