"""Cycle consistency and leakage of latent actions, in latents and in pictures, with controls that show their scale.

The two checks of [LAM] over clips: `cycle` is the error of clips imagined from latent actions that went to another clip
and back, over the error without that detour; `leakage` that across a cut, from a clip's first state to the second of
another clip, over the error without the cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from wm_ros.evaluation.studies.statistics import Statistics, ratio_statistics
from wm_ros.evaluation.transfer.clips import Video
from wm_ros.evaluation.transfer.errors import Errors, Ruler
from wm_ros.evaluation.transfer.imagined import Carried
from wm_ros.models.decoder import Decoder

Checks = dict[str, dict[str, Statistics | None]]


def checks(
    decoder: Decoder | None, first: Video, second: Video, alone: Tensor, carried: Sequence[Carried]
) -> dict[str, Any]:
    """Ratios by check and by what is compared, each over the error of the clips imagined `alone` [C, T + 1, N, D].

    `cycle` and its controls: `another clip's`, of latent actions of another clip, and `no motion`, of states that stay
    as they are; each over the whole clip, and `first step` alone. `leakage` is of the first step.
    """
    recorded = first.pictures()
    ruler = Ruler(decoder, first.latents[:, 1:], recorded[:, 1:])
    wholes = ruler(alone[:, 1:])
    still = ruler(first.latents[:, :1].expand_as(first.latents)[:, 1:])
    detours = [ruler(some.back[:, 1:]) for some in carried]
    mistakes = [ruler(some.mistaken[:, 1:]) for some in carried]
    groups = first.clips.groups
    found: dict[str, Any] = {}
    for name, parts in {"cycle": detours, "another clip's": mistakes, "no motion": [still]}.items():
        found[name] = _ratios(parts, wholes, slice(None), groups)
        found[f"{name}, first step"] = _ratios(parts, wholes, slice(1), groups)
    found["leakage"] = _ratios([_across(decoder, second, some) for some in carried], wholes, slice(1), groups)
    return found


def _across(decoder: Decoder | None, second: Video, carried: Carried) -> Errors:
    """Errors [C, 1] of what follows across the cut."""
    there = second[carried.other]
    return Ruler(decoder, there.latents[:, 1:2], there.pictures()[:, 1:2])(carried.cut[:, None])


def _ratios(
    parts: Sequence[Errors], wholes: Errors, steps: slice, groups: np.ndarray
) -> dict[str, Statistics | None]:
    return {
        name: ratio_of(
            [some[name][:, steps].sum(axis=1) for some in parts], whole[:, steps].sum(axis=1), groups
        )
        for name, whole in wholes.items()
    }


def ratio_of(parts: Sequence[np.ndarray], whole: np.ndarray, groups: np.ndarray) -> Statistics | None:
    """The ratio of sums over clips [C], the mean of one for each draw and `by_seed`; None where there is no error to
    divide by."""
    if not whole.sum() > 0.0:
        return None
    columns = np.stack(list(parts), axis=1)
    wholes = np.repeat(whole[:, None], columns.shape[1], axis=1)
    each = columns.sum(axis=0) / wholes.sum(axis=0)
    return {
        **ratio_statistics(columns, wholes, groups),
        "by_seed": [round(float(ratio), 4) for ratio in each],
    }
