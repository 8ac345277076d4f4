"""Encoding V-JEPA 2 our way against transformers' own processor and model: equal weights, equal frames, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wm_ros.bench.memory import peak_mb
from wm_ros.models.compiled import Compiled, warm_up
from wm_ros.models.encoders.frozen import PRECISIONS, FrozenEncoder
from wm_ros.models.encoders.preprocess import Preprocess
from wm_ros.models.encoders.vjepa2 import VJepa2
from wm_ros.models.imports.vjepa2_layout import from_hugging_face, hugging_face_size, input_rule

# hidden_size, num_hidden_layers, num_attention_heads
SIZES = {"ViT-S": (384, 12, 6), "ViT-B": (768, 12, 12), "ViT-L": (1024, 24, 16)}
PIXELS, WINDOW, BATCH = 256, 8, 4
FRAME = (480, 640, 3)

Step = Callable[[], Any]


def compare(
    device: str, repeats: int, precisions: tuple[str, ...], compiled: bool = False
) -> dict[str, dict[str, object]]:
    """One table, all times in ms a frame or a step: ours, transformers', how many times faster, and the difference of
    what comes out.

    `processor`: camera frame to picture. `model`: picture to tokens, one at a time and some at a time; compiled: ours
    with torch.compile too. `stream`: a step of a live stream, which encodes the new frame, against a window of frames
    encoded anew. `overhead`: of what comes before and after the model, in percent of it.
    """
    frames = torch.randint(
        0, 256, (WINDOW, *FRAME), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        table = {"processor": _processors(frames, device, repeats)}
        for precision in precisions:
            ours, theirs = _pair("ViT-S", precision, device)
            for batch in (1, BATCH):
                name = f"model ViT-S {precision}, {batch} at a time"
                table[name] = _models(ours, theirs, frames[:batch].to(device), repeats)
            if compiled:
                name = f"model ViT-S {precision}, 1 at a time, ours compiled"
                network = Compiled(ours.backbone, torch.device(device), whole=False)
                table[name] = _models(ours, theirs, frames[:1].to(device), repeats, network)
        ours, theirs = _pair("ViT-B", precisions[-1], device)
        table[f"stream ViT-B {precisions[-1]}, window of {WINDOW}"] = _stream(
            ours, theirs, frames, device, repeats
        )
        ours, _ = _pair("ViT-L", precisions[-1], device, reference=False)
        table[f"overhead ViT-L {precisions[-1]}"] = _overhead(ours, frames[:1], device, repeats)
    return table


def _pair(size: str, precision: str, device: str, reference: bool = True) -> tuple[FrozenEncoder, Any]:
    """Our encoder and transformers' model, of one set of seeded weights."""
    from transformers import VJEPA2Config, VJEPA2Model

    width, depth, heads = SIZES[size]
    torch.manual_seed(0)
    settings = VJEPA2Config(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        crop_size=PIXELS,
        pred_num_hidden_layers=1,
    )
    backbone = VJepa2(PIXELS, **hugging_face_size(settings.to_dict()))
    theirs = None
    if reference:
        network: nn.Module = VJEPA2Model(settings)
        theirs = network.to(device, PRECISIONS[precision]).eval()
        backbone.load_state_dict(from_hugging_face(Path(size), theirs.state_dict()))
    ours = FrozenEncoder(backbone, input_rule(PIXELS), precision=precision).to(device).eval()
    return ours, theirs


def _processors(frames: Tensor, device: str, repeats: int) -> dict[str, object]:
    preprocess = Preprocess(**input_rule(PIXELS)).to(device)
    name, process = _their_processor(device)
    arrays = [frame.numpy() for frame in frames]

    def ours() -> Tensor:
        return preprocess(frames.to(device))

    def theirs() -> Tensor:
        return process(arrays).to(device)

    levels = (ours() - theirs()).abs().max().item() * 255 * 0.229
    return {
        **_row(ours, theirs, len(frames), device, repeats),
        "difference": f"{levels:.1f} of 255",
        "memory_mb": "",
        "against": name,
    }


def _their_processor(device: str) -> tuple[str, Callable[[list], Tensor]]:
    """Transformers' processor of V-JEPA 2, which needs torchvision; without that, its one for Pillow, same rule."""
    if find_spec("torchvision"):
        from transformers import VJEPA2VideoProcessor

        video = VJEPA2VideoProcessor(crop_size=PIXELS)
        options = {"return_tensors": "pt", "device": device}
        return "torchvision", lambda frames: video([np.stack(frames)], **options)["pixel_values_videos"][0]
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

    rule = input_rule(PIXELS)
    image = BitImageProcessorPil(
        size={"shortest_edge": rule["shortest_edge"]},
        crop_size={"height": PIXELS, "width": PIXELS},
        image_mean=rule["mean"],
        image_std=rule["std"],
        resample=2,
    )
    return "Pillow", lambda frames: image(frames, return_tensors="pt")["pixel_values"]


def _models(
    ours: FrozenEncoder, theirs: Any, frames: Tensor, repeats: int, compiled: Compiled | None = None
) -> dict[str, object]:
    pictures = ours.preprocess(frames).to(ours.precision)
    clips = pictures.unsqueeze(1).expand(-1, 2, -1, -1, -1)

    def reference() -> Tensor:
        return theirs(clips, skip_predictor=True).last_hidden_state

    def encode() -> Tensor:
        return (compiled or ours.backbone)(pictures)

    warm_up(compiled or ours.backbone, encode)
    difference = (encode() - reference()).abs().max().item()
    row = _row(encode, reference, len(frames), frames.device.type, repeats)
    return {**row, "difference": f"{difference:.1e}", **_memory(encode, reference, frames.device.type)}


def _stream(ours: FrozenEncoder, theirs: Any, frames: Tensor, device: str, repeats: int) -> dict[str, object]:
    """A window as the video model sees it, two frames a tubelet; both ways begin at frames on the host."""
    window = ours.preprocess(frames.to(device)).to(ours.precision)[None]

    def reference() -> Tensor:
        window[:, -1:] = ours.preprocess(frames[-1:].to(device)).to(ours.precision)
        return theirs(window, skip_predictor=True).last_hidden_state

    def step() -> Tensor:
        return ours(frames[-1:].to(device))

    row = _row(step, reference, 1, device, repeats)
    return {**row, "difference": "", **_memory(step, reference, device)}


def _overhead(ours: FrozenEncoder, frame: Tensor, device: str, repeats: int) -> dict[str, object]:
    pictures = ours.preprocess(frame.to(device)).to(ours.precision)
    tokens = ours.backbone(pictures)
    around = _median(lambda: torch.nn.functional.layer_norm(tokens.float(), (ours.dim,)), device, 20)
    around += _median(lambda: ours.preprocess(frame.to(device)).to(ours.precision), device, 20)
    model = _median(lambda: ours.backbone(pictures), device, repeats)
    return {
        "ours_ms": round(model + around, 2),
        "theirs_ms": "",
        "times_faster": "",
        "difference": f"overhead {100 * around / model:.2f} %",
        "memory_mb": "",
        "against": "",
    }


def _row(ours: Step, theirs: Step, frames: int, device: str, repeats: int) -> dict[str, object]:
    """Medians of both, taken in turns."""
    times: dict[str, list[float]] = {"ours_ms": [], "theirs_ms": []}
    ours(), theirs()
    for _ in range(repeats):
        for series, step in zip(times.values(), (ours, theirs), strict=True):
            series.append(_timed(step, device) / frames)
    medians = {name: statistics.median(series) for name, series in times.items()}
    row: dict[str, object] = {name: round(value, 2) for name, value in medians.items()}
    return {**row, "times_faster": round(medians["theirs_ms"] / medians["ours_ms"], 2)}


def _median(step: Step, device: str, repeats: int) -> float:
    step()
    return statistics.median(_timed(step, device) for _ in range(repeats))


def _timed(step: Step, device: str) -> float:
    started = time.perf_counter()
    step()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return 1000.0 * (time.perf_counter() - started)


def _memory(ours: Step, theirs: Step, device: str) -> dict[str, object]:
    """Peak memory of both beyond what lies there before: as the GPU's allocator counts it, or of the process."""
    return {
        "memory_mb": f"{peak_mb(ours, device):.0f} / {peak_mb(theirs, device):.0f}",
        "against": "transformers",
    }
