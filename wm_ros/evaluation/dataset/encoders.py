"""Encoders by name, and what each of their layers makes of a frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.encoders.views import in_views
from wm_ros.models.world_model import WorldModel, build_encoder

OUTPUT = "output"
MOST_LAYERS = 6  # besides the output
NONLINEARITIES = (nn.SiLU, nn.GELU, nn.ReLU)  # where a network without blocks get hooks


class PixelEncoder(nn.Module):
    """No encoder at all: the centre square, shrunk to 16 pixels, as one token of numbers in 0 .. 1."""

    size = 16
    grid = None  # one token

    def __init__(self, views: int = 1) -> None:
        super().__init__()
        self.views = views  # cameras side by side, each a token

    def forward(self, frames: Tensor) -> Tensor:
        frames = in_views(frames, self.views)
        height, width = frames.shape[1:3]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = frames[:, top : top + side, left : left + side].permute(0, 3, 1, 2).float()
        shrunk = F.interpolate(square, size=(self.size, self.size), mode="area").flatten(1)
        return shrunk.unflatten(0, (-1, self.views)) / 255.0


class HookedEncoder:
    """An encoder with its layers: frames uint8 [B, H, W, 3] to tokens [B, N, D] of each layer by name.

    Layers are the blocks of its longest list of modules, or its nonlinearities where it has no such list; at most six,
    evenly spread, and last of all `output`. Feature maps [B, C, h, w] count as h * w tokens.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._encoder = encoder.eval().requires_grad_(False)
        self._found: dict[str, Tensor] = {}
        for name, module in _layers(encoder):
            module.register_forward_hook(lambda _, __, output, name=name: self._keep(name, output))

    @property
    def grid(self) -> int | None:
        """The side of the square on which the tokens of the output lie, if they do."""
        return cast(Encoder, self._encoder).grid

    @torch.no_grad()
    def __call__(self, frames: Tensor) -> dict[str, Tensor]:
        self._found = {}
        device = next((weight.device for weight in self._encoder.parameters()), frames.device)
        output = self._encoder(frames.to(device))
        views = cast(Encoder, self._encoder).views
        # Of several cameras, each picture is one to the layers: their tokens go one after the other.
        found_in = {name: found for name, found in self._found.items() if len(found) == views * len(frames)}
        whole = {name: found.reshape(len(frames), -1, found.shape[-1]) for name, found in found_in.items()}
        return {name: found.float().cpu() for name, found in {**whole, OUTPUT: output}.items()}

    def _keep(self, name: str, output: Any) -> None:
        output = output[0] if isinstance(output, (tuple, list)) else output
        if output.ndim == 2:
            output = output[:, None]
        elif output.ndim == 4:
            output = output.flatten(2).transpose(1, 2)
        if output.ndim == 3:
            self._found[name] = output


def load_named_encoder(name: str, model: WorldModel) -> nn.Module:
    """`checkpoint`: the model's own; `random`: the same, untrained; `pixels`; or that of a folder's checkpoint."""
    if name == "checkpoint":
        return model.encoder
    if name == "pixels":
        return PixelEncoder(model.encoder.views)
    if name == "random":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build_encoder(model.card.encoder, len(model.card.robot.cameras))
    return load_checkpoint(Path(name)).encoder


def _layers(encoder: nn.Module) -> Sequence[tuple[str, nn.Module]]:
    lists = [module for module in encoder.modules() if isinstance(module, nn.ModuleList)]
    blocks: list[nn.Module] = [m for m in encoder.modules() if isinstance(m, NONLINEARITIES)]
    if lists:
        longest = max(lists, key=len)
        blocks = list(longest)
    count = min(MOST_LAYERS, len(blocks))
    chosen = sorted({round((index + 1) * len(blocks) / count) for index in range(count)})
    return [(f"layer {number} of {len(blocks)}", blocks[number - 1]) for number in chosen]
