"""What `wm_ros train --dry-run` prints: weights, memory and time of one step."""

from __future__ import annotations

from collections.abc import Callable

from wm_ros.models.card import Card


def dry_run(card: Card, frames: int, say: Callable[[str], None]) -> None:
    """Count the weights of the model that a card describes, and train it for one step on random clips of `frames`."""
    from wm_ros.models.world_model import WorldModel
    from wm_ros.training.footprint import count_weights, measure_step

    counts = count_weights(card)
    for name, count in [*counts.items(), ("together", sum(counts.values()))]:
        say(f"{name:20}{count:>14,} weights")
    found = measure_step(WorldModel(card), frames)
    clips, frames, tokens, dim = found.shape
    say(
        f"one step of the world model, {clips} clips of {frames} frames of {tokens} x {dim}: {found.seconds:.1f} s"
    )
    for name in ("weights", "gradients", "optimizer", "activations", "together"):
        say(f"{name:20}{getattr(found, name) / 1e6:>14,.1f} MB")
