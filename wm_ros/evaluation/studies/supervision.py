"""What knowing the actions would add to an encoder: fine-tuned with an inverse-dynamics head, probed before and after
(`training.supervision`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from wm_ros.evaluation.evidence.parts import Evidence
from wm_ros.evaluation.evidence.request import Ask
from wm_ros.evaluation.studies.pictures import picture_features, picture_tokens
from wm_ros.evaluation.studies.probe import probe_features
from wm_ros.evaluation.studies.probe import why_not as why_no_probe
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.training.supervision import fine_tune

STEPS = 500
APART = 4  # model steps between the frames of a pair: the best of [ACT]
CHAINS = 20_000

Progress = Callable[[float], None]


def supervision(evidence: Evidence, ask: Ask, progress: Progress) -> dict[str, Any]:
    """R2 of the probe before and after the fine-tuning; or `left_out`, and why."""
    encoder = load_checkpoint(ask.checkpoint).encoder
    reason = why_no_probe(evidence, ask.profile)
    if reason is None and not isinstance(encoder, TinyEncoder):
        reason = "only the tiny encoder is tuned here: the weights of others stay as they came"
    chains = evidence.chains("fit", APART + 1, CHAINS, labelled=True, pictured=True)
    if reason is None and not len(chains):
        reason = f"no episode to fit on has {APART + 1} frames at the model's rate"
    if reason:
        return {"left_out": reason}
    before = _probed(encoder, evidence, ask, lambda share: progress(0.2 * share))
    chosen = fine_tune(
        encoder,
        lambda rows: evidence.pictures(chains.ends(rows)),
        evidence.actions(chains).reshape(len(chains), -1),
        chains.groups,
        ask.steps(STEPS),
        lambda share: progress(0.2 + 0.6 * share),
    )
    after = _probed(encoder, evidence, ask, lambda share: progress(0.8 + 0.2 * share))
    return {
        "apart": APART,
        "steps": ask.steps(STEPS),
        "chosen_at_step": chosen,
        "before": before,
        "after": after,
    }


def _probed(encoder: nn.Module, evidence: Evidence, ask: Ask, progress: Progress) -> dict[str, Any]:
    features = picture_features(evidence, picture_tokens(encoder, evidence))
    return probe_features(evidence, ask, features, False, progress, pictured=True)[0]
