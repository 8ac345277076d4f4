"""What differs between a run of a protocol and what was published, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wm_ros.bench.protocols.protocol import Protocol
from wm_ros.bench.protocols.starts import Starts
from wm_ros.data.recording import Recording
from wm_ros.models.action_conditioned.model import ActionConditionedModel
from wm_ros.models.world_model import WorldModel

MOST_NAMES = 3  # that a sentence has


def differences(
    protocol: Protocol,
    model: WorldModel | ActionConditionedModel,
    recording: Recording,
    starts: Starts,
    names: Sequence[str],
) -> list[str]:
    """What a reader must know before comparing this run with the published figures."""
    options, episodes = protocol.planner, len(np.unique(starts.episode))
    found = [
        f"The published figures are of {protocol.setting}; this run is of {len(starts)} starts of {episodes} episodes "
        f"of {in_words(names)}, {_sizes(model)}.",
        f"The search is this package's: {options.batch_size} x {options.iteration_count} candidates and "
        f"{options.elites} elites as published, drawn within the limits of profile {recording.profile.name} from one "
        "frame, without the mean and the spread of the data that others begin with.",
    ]
    found += protocol.remarks(starts)
    if isinstance(model, ActionConditionedModel):
        found.append("V-JEPA 2-AC is told that the gripper is open, whatever it was.")
    return found


def in_words(names: Sequence[str]) -> str:
    """What recordings are called, of many the first."""
    return ", ".join(names) if len(names) <= MOST_NAMES else f"{names[0]} and {len(names) - 1} more"


def _sizes(model: WorldModel | ActionConditionedModel) -> str:
    whole, encoder = (
        sum(weight.numel() for weight in part.parameters()) / 1e6 for part in (model, model.encoder)
    )
    return (
        f"with an encoder `{model.card.encoder['name']}` of {encoder:.3g} M weights and {whole - encoder:.3g} M "
        "weights beside it"
    )
