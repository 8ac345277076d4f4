"""Arguments of the latent action: its bottleneck, and the sizes of the networks around it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any

import typer

from wm_ros.models.bottlenecks.kinds import CHOICES, KINDS, LABELLED
from wm_ros.models.distance_kinds import GOAL_DISTANCES
from wm_ros.models.encoders.kinds import TRAINED_HERE

# mypy reads the names of an Enum from literals only.
Bottleneck = Enum("Bottleneck", {name: name for name in CHOICES}, type=str)  # type: ignore[misc]
EncoderKind = Enum("EncoderKind", {name: name for name in TRAINED_HERE}, type=str)  # type: ignore[misc]
DistanceKind = Enum("DistanceKind", {name: name for name in GOAL_DISTANCES}, type=str)  # type: ignore[misc]
DEFAULT = Bottleneck(CHOICES[0])


class Preset(str, Enum):
    tiny = "tiny"
    small = "small"
    base = "base"
    large = "large"


class Controller(str, Enum):
    state_conditioned = "state-conditioned"
    action_only = "action-only"


Kind = Annotated[
    Bottleneck,
    typer.Option(
        help="What keeps a latent action from carrying the whole future; `none` and `deterministic` (it is zero) are "
        "the bounds to compare with."
    ),
]
Sizes = Annotated[
    Preset,
    typer.Option(help="Size of the networks beside the encoder; `large` has a forward model of 24 x 1024."),
]
ControllerKind = Annotated[
    Controller,
    typer.Option(
        help="Whether the controller sees the state; `action-only` is the baseline to compare with."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Print weights, memory and time of one step on random states, and end; reads no data.",
    ),
]


def with_bottleneck_numbers(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes `bottleneck` and `**numbers` an argument for every number of every bottleneck."""
    signature = inspect.signature(command, eval_str=True)
    parameters = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    place = 1 + [each.name for each in parameters].index("bottleneck")
    parameters[place:place] = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=None,
            annotation=Annotated[
                type(option.default) | None,
                typer.Option(help=f"{kind}: {option.meaning} (default {option.default:g})."),
            ],
        )
        for kind, entry in KINDS.items()
        for name, option in entry.options.items()
    ]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def bottleneck_of(
    kind: Bottleneck,
    action_labelled: bool,
    controller: Controller,
    joint: bool,
    numbers: Mapping[str, float | None],
) -> dict[str, Any]:
    """The entry `bottleneck` of a card; raises BadParameter or BottleneckError for what does not go together."""
    from wm_ros.models.bottlenecks.build import complete_options

    options = {name: value for name, value in numbers.items() if value is not None}
    if not action_labelled:
        return complete_options({"name": kind.value, **options})
    if options or kind is not DEFAULT or controller is not Controller.state_conditioned or not joint:
        raise typer.BadParameter(
            "this baseline is given the robot actions and has neither bottleneck nor controller, and nothing to fit "
            "together",
            param_hint="--action-labelled",
        )
    return complete_options({"name": LABELLED})
