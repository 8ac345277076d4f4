"""Makes the bottleneck that a card names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wm_ros.models.bottlenecks.kinds import KINDS
from wm_ros.models.bottlenecks.option import BottleneckError

if TYPE_CHECKING:
    from wm_ros.models.bottlenecks.bottleneck import Bottleneck


def build_bottleneck(config: dict[str, Any], latent: int) -> Bottleneck:
    """The bottleneck of `latent` dimensions that the entry `bottleneck` of a card describes.

    Raises BottleneckError as `complete_options` does.
    """
    options = complete_options(config)
    module, _, name = KINDS[options.pop("name")].module.partition(".")
    return getattr(import_module(f"wm_ros.models.bottlenecks.{module}"), name)(latent, **options)


def complete_options(config: dict[str, Any]) -> dict[str, Any]:
    """Such an entry with all its options; raises BottleneckError naming what is unknown or out of range."""
    name = config.get("name")
    if name not in KINDS:
        raise BottleneckError(f"unknown bottleneck {name!r}; known names: {', '.join(KINDS)}")
    options = KINDS[name].options
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
