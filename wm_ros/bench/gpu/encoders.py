"""Milliseconds a camera frame takes from the host to tokens."""

from __future__ import annotations

import torch

from wm_ros.bench.gpu import sizes
from wm_ros.bench.gpu.rows import Figures, Rows, Setup, median_s
from wm_ros.models.compiled import Compiled, compiled_encoder, warm_up
from wm_ros.models.encoders.frozen import FrozenEncoder
from wm_ros.models.encoders.preprocess import Preprocess
from wm_ros.models.imports.vjepa2_layout import input_rule

WINDOW = 8
REPEATS, TOY_REPEATS = 20, 2


@torch.inference_mode()
def measure(setup: Setup, rows: Rows) -> None:
    """Eager and compiled, one frame of a stream against a window of eight encoded anew, and preprocessing alone."""
    frames = torch.randint(0, 256, (WINDOW, 480, 640, 3), dtype=torch.uint8)
    names = list(sizes.WIDTHS)[: 1 if setup.toy else None]
    encoders = {name: sizes.encoder(name, setup.toy, setup.device, "bfloat16") for name in names}
    for name, encoder in encoders.items():
        rows.attempt(f"{name} bf16, eager", lambda: _eager(encoder, frames, setup))  # noqa: B023
    rows.attempt("preprocessing", lambda: _preprocessing(encoders["ViT-L"], frames, setup))
    for name, encoder in encoders.items():
        rows.attempt(f"{name} bf16, compiled", lambda: _compiled(encoder, frames, setup))  # noqa: B023


def _eager(encoder: FrozenEncoder, frames: torch.Tensor, setup: Setup) -> Figures:
    repeats = TOY_REPEATS if setup.toy else REPEATS
    new, window = (
        1000 * median_s(lambda: encoder(some.to(setup.device)), setup.device, repeats)  # noqa: B023
        for some in (frames[-1:], frames)
    )
    return {
        "frame_ms": round(new, 2),
        "window_of_8_ms": round(window, 2),
        "times_faster": round(window / new, 2),
    }


def _preprocessing(encoder: FrozenEncoder, frames: torch.Tensor, setup: Setup) -> Figures:
    """A frame on the host to a picture on the device, resized there or on the host."""
    repeats, frame = TOY_REPEATS if setup.toy else REPEATS, frames[-1:]
    on_host = Preprocess(**input_rule(encoder.preprocess.size))
    there = median_s(lambda: encoder.preprocess(frame.to(setup.device)), setup.device, repeats)
    here = median_s(lambda: on_host(frame).to(setup.device), setup.device, repeats)
    return {"ms": round(1000 * there, 2), "on_host_ms": round(1000 * here, 2)}


def _compiled(encoder: FrozenEncoder, frames: torch.Tensor, setup: Setup) -> Figures:
    def stream() -> object:
        return encoder(frames[-1:].to(setup.device))

    network: Compiled = compiled_encoder(encoder)
    warm_up(network, stream)
    repeats = TOY_REPEATS if setup.toy else REPEATS
    return {"frame_ms": round(1000 * median_s(stream, setup.device, repeats), 2)}
