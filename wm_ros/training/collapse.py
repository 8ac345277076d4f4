"""Says when a latent action carries nothing, or everything, and what to change."""

from __future__ import annotations

from typing import Any

from wm_ros.models.bottlenecks.kinds import KINDS

LEAST_GAP = 1.05
LEAST_PERPLEXITY = 2.0
LEAST_LEAKAGE = 1.1


def warnings_of(bottleneck: dict[str, Any], scores: dict[str, float]) -> list[str]:
    """What is wrong with the latent actions of a model by its held-out scores, a sentence each; mostly nothing.

    bottleneck: as in the card. The two bounds are not told that they are what they are meant to be.
    """
    name = bottleneck["name"]
    if name == "deterministic":
        return []
    kind, found = KINDS[name], []
    if name == "discrete" and scores["perplexity"] < LEAST_PERPLEXITY:
        found.append(
            f"the code book has collapsed: its {bottleneck['codes']} codes say no more than "
            f"{scores['perplexity']:.2f} codes could; train longer, or lower --codes, or record more varied motion"
        )
    if scores["action_gap_shuffled"] < LEAST_GAP:
        wider = f" or {kind.wider}" if kind.wider else ""
        found.append(
            "the forward model ignores the latent action, and no plan can work: its error with that of another clip is "
            f"{scores['action_gap_shuffled']:.2f} times that with the true one; train longer{wider}"
        )
    elif kind.narrower and scores["leakage"] < LEAST_LEAKAGE:
        found.append(
            "the latent action carries the future instead of an action: across a cut between two clips the error is "
            f"only {scores['leakage']:.2f} times that without; {kind.narrower}"
        )
    return found
