"""`wm_ros convert`: published weights in, a checkpoint folder of ours out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.run_options import Precision, require_free


def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="A .pt file of V-JEPA 2 or V-JEPA 2-AC, a Hugging Face folder or the name of one in its cache, or the "
            "controls `pixels` and `random`."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint; must not exist yet.")],
    layer: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens after so many blocks; later ones are left out (default: the last)."),
    ] = None,
    pool: Annotated[
        int, typer.Option(min=1, help="Mean over squares of so many tokens: 4 makes 16 of 256.")
    ] = 1,
    precision: Annotated[Precision, typer.Option(help="Of weights and arithmetic.")] = Precision.fp32,
    size: Annotated[
        int | None, typer.Option(help="Pixels of the pictures, of .pt files whose name does not tell.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="V-JEPA 2-AC: robot profile whose actions are end-effector rates.")
    ] = "franka",
    licence: Annotated[
        str | None, typer.Option(help="Licence of the weights, where they do not say it themselves.")
    ] = None,
    non_commercial: Annotated[
        bool,
        typer.Option("--non-commercial", help="Take weights under a non-commercial licence, and keep to it."),
    ] = False,
) -> None:
    """Make a checkpoint of published weights, without a network and without running any code in them.

    \b
    An encoder to train a world model on:
        wm_ros convert vitl.pt --out vitl --layer 14 --pool 4
        wm_ros train bag --encoder vitl --out checkpoint
    \b
    See doc/encoders.md for what to download, and how.
    """
    from wm_ros.commands.terminal import Terminal
    from wm_ros.models.action_conditioned.model import save_action_conditioned
    from wm_ros.models.encoder_checkpoint import save_encoder
    from wm_ros.models.imports.action_conditioned import convert_action_conditioned, is_action_conditioned
    from wm_ros.models.imports.convert import CONTROLS, Wanted, convert_encoder
    from wm_ros.models.imports.sources import find_source
    from wm_ros.robots.profile import load_profile

    require_free(out, resume=False)
    say = partial(Terminal().print, soft_wrap=True)
    wanted = Wanted(layer, pool, _NAMES[precision], size, licence, non_commercial)
    if source not in CONTROLS and is_action_conditioned(find_source(source)):
        robot = load_profile(profile)
        model = convert_action_conditioned(find_source(source), robot, wanted)
        save_action_conditioned(model, out)
        say(f"world model for robot {robot.name}, licence {model.card.licence}: {out}")
        return
    checkpoint = convert_encoder(source, wanted)
    save_encoder(checkpoint, out)
    encoder = checkpoint.encoder
    weights = sum(parameter.numel() for parameter in encoder.parameters())
    say(
        f"encoder {checkpoint.card.encoder['name']}, {weights / 1e6:.1f} M weights, {encoder.tokens} tokens of "
        f"{encoder.dim} a frame, licence {checkpoint.card.licence}: {out}"
    )


_NAMES = {Precision.fp32: "float32", Precision.bf16: "bfloat16"}
