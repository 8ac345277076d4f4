"""`wm_ros calibrate`: measures at which goal distance a goal counts as reached, for a checkpoint that does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.data_options import Profile


def calibrate(
    bag: Annotated[Path, typer.Argument(help="A recording with which the checkpoint was not trained.")],
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder; of which card.json is changed.")],
    profile: Profile = "arm",
) -> None:
    """Write into a checkpoint's card when a goal is reached, which `wm_ros drive` asks for.

    `wm_ros train` does the same by itself; this is for checkpoints from before.
    """
    from dataclasses import asdict, replace

    from wm_ros.data.load import load_recording
    from wm_ros.models.card import add_to_card, reached_in_words
    from wm_ros.models.checkpoint import load_checkpoint, require_robot
    from wm_ros.robots.profile import load_profile
    from wm_ros.training.reached import calibrate_on

    robot = load_profile(profile)
    model = load_checkpoint(checkpoint)
    require_robot(model, robot)
    card = replace(model.card, reached=calibrate_on(model, load_recording(bag, robot)))
    add_to_card(checkpoint, "reached", asdict(card)["reached"])
    typer.echo(reached_in_words(card))
