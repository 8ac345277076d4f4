"""Seeded weights in the layouts of published files, small; no download, and nothing but the layout is public."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

LAYOUTS = json.loads((Path(__file__).parent / "published_layouts.json").read_text())
GOLDEN = Path(__file__).parent / "vjepa2_golden.npz"
FRAMES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 80, 100, 3), dtype=np.uint8))
SQUARE = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 2}


def published(name: str, part: str) -> dict[str, list[int]]:
    """Names and shapes of the weights in one part of a published file, as its own code loads them."""
    layout = LAYOUTS[name][part]
    shapes = {}
    for pattern, shape in layout["weights"].items():
        for block in range(layout["blocks"]) if "*" in pattern else [None]:
            shapes[pattern.replace("*", str(block))] = shape
    return shapes


def small(shapes: Mapping[str, list[int]], sizes: Mapping[int, int], blocks: int) -> dict[str, list[int]]:
    """The same layout with these sizes in the place of the published ones, and fewer blocks."""
    kept = {}
    for name, shape in shapes.items():
        found = re.search(r"blocks\.(\d+)\.", name)
        if found is None or int(found[1]) < blocks:
            kept[name] = [sizes.get(size, size) for size in shape]
    return kept


def seeded(shapes: Mapping[str, list[int]], seed: int, prefix: str = "") -> dict[str, torch.Tensor]:
    """Weights drawn in the order of their names, as the golden outputs were made with."""
    draw, weights = np.random.default_rng(seed), {}
    for name in sorted(shapes):
        values = torch.from_numpy(0.2 * draw.standard_normal(shapes[name])).float()
        norm = "norm" in name and name.endswith("weight")
        weights[prefix + name] = values + 1.0 if norm else values
    return weights


def drawn(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).float()


def write_folder(folder: Path, model: torch.nn.Module, preprocessor: dict, licence: str = "mit") -> Path:
    """A Hugging Face folder of this model with all weights drawn anew."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    model.eval().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n# A model\n")
    return folder
