"""Makes the bottleneck that a card names."""

from __future__ import annotations

from typing import Any

from wm_ros.models.bottlenecks.bottleneck import Bottleneck
from wm_ros.models.bottlenecks.bounds import Deterministic, Labelled, Unconstrained
from wm_ros.models.bottlenecks.discrete import Discrete
from wm_ros.models.bottlenecks.noise import Noise
from wm_ros.models.bottlenecks.option import BottleneckError
from wm_ros.models.bottlenecks.sparse import Sparse

KINDS: dict[str, type[Bottleneck]] = {
    "noise": Noise,
    "sparse": Sparse,
    "discrete": Discrete,
    "none": Unconstrained,
    "deterministic": Deterministic,
    "labelled": Labelled,
}


def build_bottleneck(config: dict[str, Any], latent: int) -> Bottleneck:
    """The bottleneck of `latent` dimensions that the entry `bottleneck` of a card describes.

    Raises BottleneckError as `complete_options` does.
    """
    options = complete_options(config)
    return KINDS[options.pop("name")](latent, **options)


def complete_options(config: dict[str, Any]) -> dict[str, Any]:
    """Such an entry with all its options; raises BottleneckError naming what is unknown or out of range."""
    name = config.get("name")
    if name not in KINDS:
        raise BottleneckError(f"unknown bottleneck {name!r}; known names: {', '.join(KINDS)}")
    options = KINDS[name].OPTIONS
    if unknown := sorted(set(config) - set(options) - {"name"}):
        known = f"its options: {', '.join(options)}" if options else "it has none"
        raise BottleneckError(f"{unknown[0]} is no option of the bottleneck {name!r}; {known}")
    complete = {"name": name}
    for key, option in options.items():
        complete[key] = value = config.get(key, option.default)
        if not option.allows(value):
            kind = "an integer" if isinstance(option.default, int) else "a number"
            raise BottleneckError(
                f"bottleneck.{key} must be {kind} from {option.low:g} to {option.high:g}, got {value!r}"
            )
    return complete
