"""Whether clip B stays another scene under clip A's latent actions, or becomes A.

A latent action may tell where things will be, and not how they move. Cycle consistency does not see that: what leads to
A's picture from anywhere is inferred anywhere, and leads there again. Nor need a cut, which asks for jumps that no clip
has. So how far B is from A at the end is compared with how far it was at the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from wm_ros.evaluation.transfer.checks import ratio_of
from wm_ros.evaluation.transfer.clips import Video
from wm_ros.evaluation.transfer.errors import Ruler
from wm_ros.evaluation.transfer.imagined import Carried
from wm_ros.models.decoder import Decoder
from wm_ros.models.world_model import WorldModel


@torch.no_grad()
def apart(
    model: WorldModel,
    decoder: Decoder | None,
    first: Video,
    carried: Sequence[Carried],
    commanded: bool,
) -> dict[str, Any]:
    """Differences between B and A after the clip, and after its first step, over those at its start, by what is
    compared: 1 where they stay as different as they were, 0 where B has become A.

    `carried`: under A's latent actions; `commanded`, with commands: under A's commands by the model's controller, what
    to compare with; `another clip's`: under another clip's latent actions.
    """
    states = {
        "carried": [some.there for some in carried],
        "another clip's": [some.borrowed for some in carried],
    }
    known = np.isfinite(first.actions).all(axis=(1, 2)) if commanded else np.zeros(len(first), dtype=bool)
    rows = torch.from_numpy(np.flatnonzero(known))
    if len(rows):
        actions = torch.from_numpy(first.actions[known])
        states["commanded"] = [
            torch.cat([some.there[rows, :1], model.rollout(some.there[rows, 0], actions)], dim=1)
            for some in carried
        ]
    found: dict[str, Any] = {}
    for name, each in states.items():
        clips = first[known] if name == "commanded" else first
        steps = [0, 1, clips.latents.shape[1] - 1]
        ruler = Ruler(decoder, clips.latents[:, steps], None)
        errors = [ruler(some[:, steps]) for some in each]
        for place, when in ((2, "the clip"), (1, "the first step")):
            found[f"{name}, after {when}"] = {
                kind: ratio_of(
                    [error[kind][:, place] for error in errors],
                    np.mean([error[kind][:, 0] for error in errors], axis=0),
                    clips.clips.groups,
                )
                for kind in errors[0]
            }
    return found
