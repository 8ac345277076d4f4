"""Sizes of the networks, from the embedded arm to the scale of the papers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wm_ros.models.card import Network


@dataclass(frozen=True)
class Preset:
    """Inverse dynamics g, forward model p, controller c, and how many dimensions a latent action has."""

    inverse_dynamics: Network
    forward_model: Network
    controller: Network
    latent_action_dim: int


MOST_MERGED = 256  # numbers of a frame
PRESETS = {
    # For the embedded arm.
    "tiny": Preset(Network(64, 2, 4), Network(64, 2, 4), Network(128, 1, 4), 4),
    # Forward models as large as ViT-S, ViT-B and ViT-L, before their modulation; the last is that of [LAM], which
    # does not print the sizes of g and c.
    "small": Preset(Network(256, 4, 4), Network(384, 12, 6), Network(256, 2, 4), 16),
    "base": Preset(Network(512, 4, 8), Network(768, 12, 12), Network(512, 2, 8), 64),
    "large": Preset(Network(768, 4, 12), Network(1024, 24, 16), Network(512, 2, 8), 128),
}


def preset_for(name: str, tokens: int, dim: int, actions: int) -> Preset:
    """The sizes of this preset for an encoder of `tokens` tokens [dim] a frame and a robot of `actions` components.

    A latent action has at least two dimensions for each component, and twice as many where a frame has several tokens:
    then more than the robot moves, and what the bottleneck need not carry, it closes. For several tokens `tiny` is
    other than for one: where all of them together are few numbers, they are one to its networks, which learn as well
    from them, many times faster; where they are not, it has a wider forward model, and a narrower controller, which
    looks at all of them for every candidate.
    """
    sizes = PRESETS[name]
    least = (2 if tokens == 1 else 4) * actions
    sizes = replace(sizes, latent_action_dim=max(sizes.latent_action_dim, least))
    if name != "tiny" or tokens == 1:
        return sizes
    if tokens * dim <= MOST_MERGED:
        parts = Network(128, 2, 4, tokens), Network(256, 2, 4, tokens), Network(128, 1, 4, tokens)
    else:
        parts = Network(128, 2, 4), Network(96, 3, 4), Network(64, 1, 4)
    inverse_dynamics, forward_model, controller = parts
    return replace(
        sizes, inverse_dynamics=inverse_dynamics, forward_model=forward_model, controller=controller
    )
