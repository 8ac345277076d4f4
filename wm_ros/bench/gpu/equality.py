"""Whether a device computes what the CPU does: encoder, forward model, and the predictor of V-JEPA 2-AC."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.bench.gpu import sizes
from wm_ros.bench.gpu.rows import Rows, Setup
from wm_ros.models.action_conditioned.model import ActionConditionedModel
from wm_ros.models.world_model import WorldModel


@torch.inference_mode()
def measure(setup: Setup, rows: Rows) -> None:
    """Relative difference (norm of the difference over norm) from the CPU in float32, on equal seeded weights."""
    device, toy = setup.device, setup.toy
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (1, 480, 640, 3), dtype=torch.uint8, generator=generator)
    on_cpu = sizes.encoder("ViT-L", toy, "cpu", "float32")
    pictures = on_cpu.preprocess(frames)
    expected = on_cpu.from_images(pictures)
    for precision in ("float32", "bfloat16"):
        there = sizes.encoder("ViT-L", toy, "cpu", precision)
        there.load_state_dict(on_cpu.state_dict())
        found = there.to(device).from_images(pictures.to(device))
        rows.add(f"encoder ViT-L {precision}", {"relative_difference": _difference(found, expected)})
    found = on_cpu.preprocess.to(device)(frames.to(device))
    rows.add("preprocessing", {"relative_difference": _difference(found, pictures)})
    _imagination(device, toy, generator, rows)


def _imagination(device: str, toy: bool, generator: torch.Generator, rows: Rows) -> None:
    models: dict[str, WorldModel | ActionConditionedModel] = {
        "forward model large": sizes.world_model(256, toy, "cpu"),
        "V-JEPA 2-AC predictor": sizes.action_conditioned(toy, "cpu", "float32"),
    }
    for name, model in models.items():
        tokens, dim = model.encoder.tokens, model.encoder.dim
        state = torch.randn(1, tokens, dim, generator=generator)
        actions = 0.1 * torch.randn(2, 2, len(model.card.robot.action), generator=generator)
        if isinstance(model, ActionConditionedModel):
            model.at([0.4, 0.0, 0.3, 3.1, 0.0, 0.2, 0.5])
        expected = model.imaginer()(state)(actions)
        model.to(device)
        found = model.imaginer()(state.to(device))(actions.to(device))
        rows.add(f"{name} float32", _both(found, expected, state))
        if isinstance(model, ActionConditionedModel):
            model.predictor.to(torch.bfloat16)
            found = model.imaginer()(state.to(device))(actions.to(device))
        else:
            found = model.imaginer(torch.bfloat16)(state.to(device))(actions.to(device))
        rows.add(f"{name} bfloat16", _both(found, expected, state))


def _both(found: Tensor, expected: Tensor, state: Tensor) -> dict[str, float | str]:
    """Of the states, and of how they changed."""
    return {
        "relative_difference": _difference(found, expected),
        "of_the_change": _difference(found.cpu() - state, expected - state),
    }


def _difference(found: Tensor, expected: Tensor) -> float:
    return float(f"{float((found.cpu().float() - expected).norm() / expected.norm()):.2e}")
