"""All bottlenecks by the name that a card gives them; imports no torch, since the command line lists them too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wm_ros.models.bottlenecks.option import Option

# The z of the action-labelled baseline is the robot's action: it is no choice of a bottleneck.
LABELLED = "labelled"


@dataclass(frozen=True)
class Kind:
    """Where a bottleneck is, as `module.Class` of this folder, which numbers a user may set, and what turns it.

    wider: what lets more through, for a model that ignores its latent actions; narrower: what lets less through.
    """

    module: str
    options: Mapping[str, Option] = field(default_factory=dict)
    wider: str = ""
    narrower: str = ""


KINDS = {
    "noise": Kind(
        "noise.Noise",
        {"beta": Option(3e-3, 0.0, 10.0, "price of a nat")},
        wider="lower --beta",
        narrower="raise --beta",
    ),
    "sparse": Kind(
        "sparse.Sparse",
        {"l1": Option(0.1, 0.0, 10.0, "price of a latent action's size")},
        wider="lower --l1",
        narrower="raise --l1",
    ),
    "discrete": Kind(
        "discrete.Discrete",
        {"codes": Option(256, 2, 32768, "codes in the code book")},
        wider="raise --codes",
        narrower="lower --codes",
    ),
    "none": Kind("bounds.Unconstrained"),
    "deterministic": Kind("bounds.Deterministic"),
    LABELLED: Kind("bounds.Labelled"),
}
CHOICES = tuple(name for name in KINDS if name != LABELLED)
