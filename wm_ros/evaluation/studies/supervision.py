"""What knowing the actions would add to an encoder: fine-tuned with an inverse-dynamics head, probed before and after
(`training.supervision`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from wm_ros.evaluation.config import FEW_EPISODES, EvaluationConfig
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.studies.pictures import picture_features, picture_tokens
from wm_ros.evaluation.studies.probe import probe_features
from wm_ros.evaluation.studies.probe import skip_reason as probe_skip_reason
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.training.supervision import fine_tune

STEPS = 500
APART = 4  # model steps between the frames of a pair: the best of [ACT]
CLIPS = 20_000

Progress = Callable[[float], None]


def supervision(dataset: EvaluationDataset, config: EvaluationConfig, progress: Progress) -> dict[str, Any]:
    """R2 of the probe before and after the fine-tuning; or `left_out`, and why."""
    if reason := probe_skip_reason(dataset, config):
        return {"left_out": reason}
    if dataset.few:
        return {
            "left_out": f"{dataset.episode_count} episodes are too few to tune an encoder on, which would learn them "
            f"by heart: from {FEW_EPISODES} on it is tried"
        }
    encoder = load_checkpoint(config.checkpoint).encoder
    if not isinstance(encoder, TinyEncoder):
        return {"left_out": "only the tiny encoder is tuned here: the weights of others stay as they came"}
    clips = dataset.clips("fit", APART + 1, CLIPS, labelled=True, with_pictures=True)
    if not len(clips):
        return {"left_out": f"no episode to fit on has {APART + 1} frames at the model's rate"}
    before = _probed(encoder, dataset, config, lambda share: progress(0.2 * share))
    chosen = fine_tune(
        encoder,
        lambda rows: dataset.pictures(clips.ends(rows)),
        dataset.actions(clips).reshape(len(clips), -1),
        clips.groups,
        config.steps(STEPS),
        lambda share: progress(0.2 + 0.6 * share),
    )
    after = _probed(encoder, dataset, config, lambda share: progress(0.8 + 0.2 * share))
    return {
        "apart": APART,
        "steps": config.steps(STEPS),
        "chosen_at_step": chosen,
        "before": before,
        "after": after,
    }


def _probed(
    encoder: nn.Module, dataset: EvaluationDataset, config: EvaluationConfig, progress: Progress
) -> dict[str, Any]:
    features = picture_features(dataset, picture_tokens(encoder, dataset))
    return probe_features(dataset, config, features, False, progress, learned=True)[0]
