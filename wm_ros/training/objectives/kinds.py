"""All objectives by the family of encoders that learns by them."""

from __future__ import annotations

from collections.abc import Callable

from wm_ros.training.objectives.end_to_end import EndToEnd
from wm_ros.training.objectives.masked_latents import MaskedLatents
from wm_ros.training.objectives.objective import Objective
from wm_ros.training.objectives.pixels import MaskedPixels, Redrawing
from wm_ros.training.objectives.views import TwoViews
from wm_ros.training.standardised import Trained

OBJECTIVES: dict[str, Callable[[Trained], Objective]] = {
    "video-predictive": MaskedLatents,
    "end-to-end": EndToEnd,
    "video-reconstruction": MaskedPixels,
    "image": TwoViews,
    "autoencoder": Redrawing,
}
