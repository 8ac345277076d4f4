"""Arguments of `wm_ros train` that say how it runs: with which optimiser, in which precision, and from where on."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Optimiser(str, Enum):
    """See the help of the option."""

    adamw = "adamw"
    muon = "muon"


class Precision(str, Enum):
    """See the help of the option."""

    fp32 = "fp32"
    bf16 = "bf16"


Optimise = Annotated[
    Optimiser, typer.Option(help="muon: for the matrices of transformer blocks, with AdamW for the rest.")
]
Precise = Annotated[
    Precision, typer.Option(help="bf16: networks in bfloat16, weights and optimiser in float32.")
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on where the same command was ended, to the same weights; begin if it was not."
    ),
]
SaveEvery = Annotated[
    float, typer.Option(min=0.0, help="Seconds between savings of the progress, in the folder of --out.")
]
LogDir = Annotated[
    Path | None, typer.Option(help="Write every figure of every step into this folder, for TensorBoard.")
]


def require_free(out: Path, resume: bool) -> bool:
    """Whether the folder holds progress to go on with; refuses one that holds anything else."""
    found = {path.name for path in out.iterdir()} if out.is_dir() else set()
    begun = ".progress" in found and "card.json" not in found  # which is written last
    if begun and not resume:
        raise typer.BadParameter(
            f"{out} holds the progress of a training that was ended: --resume goes on with it; delete the folder to "
            "begin anew",
            param_hint="--out",
        )
    if not begun and (found or out.is_file()):
        raise typer.BadParameter(
            f"{out} exists and is not an empty folder; nothing is overwritten", param_hint="--out"
        )
    return begun
