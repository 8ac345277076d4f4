"""Which episodes of a recording a model has not seen, as far as its card tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wm_ros.data.recording import Recording
from wm_ros.models.action_conditioned.model import ActionConditionedModel
from wm_ros.models.world_model import WorldModel
from wm_ros.training.validation_split import split


@dataclass(frozen=True)
class Asked:
    """Episodes [E] to plan in, and in a sentence whether the model knows them."""

    episodes: np.ndarray
    sentence: str


def asked_episodes(
    recording: Recording, model: WorldModel | ActionConditionedModel, names: Sequence[str]
) -> Asked:
    """The episodes with commands; of the recording that the model was trained on, those that taught and chose nothing.

    names: what the recordings are called. A card names what a model was trained on, counts it, and says by which seed
    it was split.
    """
    able = recording.labelled_episodes
    training = model.card.training if isinstance(model, WorldModel) else {}
    trained_on = str(training.get("source", "")).split(", ")
    if not set(trained_on) & set(names):
        return Asked(
            able,
            "Whether the model was trained on some of these episodes is not known here: give episodes that were held "
            "out.",
        )
    options = training.get("options", {})
    if trained_on == list(names) and training.get("frames") == len(recording.frames) and options:
        seed = options["seed"] if options.get("split_seed") is None else options["split_seed"]
        found = split(recording, seed, options["clip_steps"], options["choose"])
        if len(found.train) == training.get("episodes"):
            return Asked(
                found.test,
                f"The model was trained on this recording: planned is in the {len(found.test)} episodes that taught it "
                "nothing and chose nothing.",
            )
    shared = sorted(set(trained_on) & set(names))
    return Asked(
        able,
        f"The model was trained on a recording called {shared[0]}: most of these episodes may be known to it, and the "
        "figures too good. Give episodes that were held out.",
    )
