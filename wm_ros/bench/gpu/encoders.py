"""Milliseconds a camera frame takes from the host to tokens."""

from __future__ import annotations

import torch

from wm_ros.bench.gpu import sizes
from wm_ros.bench.gpu.rows import Rows, median_s
from wm_ros.models.compiled import Compiled, compiled_encoder, warm_up

WINDOW = 8
REPEATS = 20


@torch.inference_mode()
def measure(device: str, toy: bool, rows: Rows) -> None:
    """Eager and compiled, one frame of a stream against a window of eight encoded anew, and preprocessing alone."""
    frames = torch.randint(0, 256, (WINDOW, 480, 640, 3), dtype=torch.uint8)
    for name in sizes.WIDTHS:
        encoder = sizes.encoder(name, toy, device, "bfloat16")

        def stream() -> object:
            return encoder(frames[-1:].to(device))  # noqa: B023  called before the next one is made

        def window() -> object:
            return encoder(frames.to(device))  # noqa: B023

        before = median_s(lambda: encoder.preprocess(frames[-1:].to(device)), device, REPEATS)  # noqa: B023
        ms, window_ms = (1000 * median_s(step, device, REPEATS) for step in (stream, window))
        rows.add(
            f"{name} bf16, eager",
            {
                "frame_ms": round(ms, 2),
                "preprocess_ms": round(1000 * before, 2),
                "window_of_8_ms": round(window_ms, 2),
                "times_faster": round(window_ms / ms, 2),
            },
        )
        network: Compiled = compiled_encoder(encoder)
        warm_up(network, stream)
        rows.add(f"{name} bf16, compiled", {"frame_ms": round(1000 * median_s(stream, device, REPEATS), 2)})
