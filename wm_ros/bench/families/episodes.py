"""Which episodes train the encoders, fit the probes, and score them: no episode does two of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wm_ros.bench.bottlenecks.report import EMBEDDED
from wm_ros.data.recording import Recording
from wm_ros.robots.profile import differences, load_profile
from wm_ros.training.optimise import TrainingError

LEAST_EPISODES = 10
FITTED_SHARE = SCORED_SHARE = 0.2


@dataclass(frozen=True)
class Roles:
    """Episodes [E] by what they are for. train: encoders learn from them; labelled: those of them with commands, in the
    order in which supervision takes them; fitted: probes are fitted on them, and choose their weights; scored: the
    figures are of them alone."""

    train: np.ndarray
    labelled: np.ndarray
    fitted: np.ndarray
    scored: np.ndarray

    def supervised(self, share: float) -> np.ndarray:
        """This share of the labelled episodes, at least one; a smaller share is part of a larger one."""
        return np.sort(self.labelled[: max(1, round(share * len(self.labelled)))])


def roles(recording: Recording) -> Roles:
    """The same every time for a recording; TrainingError with too few episodes with commands, or several cameras."""
    if recording.profile.other_cameras:
        raise TrainingError(
            f"families are compared on one camera, and robot {recording.profile.name} has "
            f"{len(recording.profile.cameras)}: give a profile with an entry `camera`"
        )
    known = recording.labelled_episodes
    if len(known) < LEAST_EPISODES:
        raise TrainingError(
            f"{len(known)} of {len(recording.episodes)} episodes have commands, and comparing families needs "
            f"{LEAST_EPISODES}: some train the encoders, others fit the probes, and others again score them. "
            "Record more episodes, twenty or better some hundreds"
        )
    order = np.random.default_rng([0, len(known)]).permutation(known)
    scored, fitted = round(SCORED_SHARE * len(known)), round(FITTED_SHARE * len(known))
    labelled = order[scored + fitted :]
    held_out = order[: scored + fitted]
    train = np.setdiff1d(np.arange(len(recording.episodes)), held_out)
    return Roles(train, labelled, np.sort(order[scored : scored + fitted]), np.sort(order[:scored]))


def described(recording: Recording, chosen: Roles) -> dict[str, str]:
    """How many episodes do what, and whether those that score are of scenes that nothing has seen, for people."""
    scenes = (
        "scenes are not told apart in recordings: those of scored episodes may have been seen in training"
    )
    if not all(differences(load_profile(name), recording.profile) for name in EMBEDDED):
        scenes = (
            "every episode of this simulated robot has a scene of its own: those scored are of unseen scenes"
        )
    return {
        "frames": f"{len(recording.frames)} at {recording.camera_rate_hz:.3g} Hz, {len(recording.episodes)} episodes",
        "episodes": f"{len(chosen.train)} train encoders, {len(chosen.labelled)} of them with commands; "
        f"{len(chosen.fitted)} fit probes and choose their weights; {len(chosen.scored)} score, and did neither",
        "scenes": scenes,
    }
