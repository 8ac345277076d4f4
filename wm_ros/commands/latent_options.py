"""Arguments of the latent action: its bottleneck, and the sizes of the networks around it."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import typer


class Bottleneck(str, Enum):
    noise = "noise"
    sparse = "sparse"
    discrete = "discrete"
    none = "none"
    deterministic = "deterministic"


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
Beta = Annotated[float | None, typer.Option(help="noise: price of a nat (default .003).")]
L1 = Annotated[float | None, typer.Option(help="sparse: price of a latent action's size (default .1).")]
Codes = Annotated[int | None, typer.Option(help="discrete: codes in the code book (default 256).")]
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


def bottleneck_of(
    kind: Bottleneck,
    action_labelled: bool,
    controller: Controller,
    beta: float | None,
    l1: float | None,
    codes: int | None,
) -> dict[str, Any]:
    """The entry `bottleneck` of a card; raises BadParameter or BottleneckError for what does not go together."""
    from wm_ros.models.bottlenecks.build import complete_options

    given = {"beta": beta, "l1": l1, "codes": codes}
    options = {name: value for name, value in given.items() if value is not None}
    if not action_labelled:
        return complete_options({"name": kind.value, **options})
    if options or kind is not Bottleneck.noise or controller is not Controller.state_conditioned:
        raise typer.BadParameter(
            "this baseline is given the robot actions and has neither bottleneck nor controller",
            param_hint="--action-labelled",
        )
    return complete_options({"name": "labelled"})
