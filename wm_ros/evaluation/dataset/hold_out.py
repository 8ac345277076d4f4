"""Which episodes of a bag are scored on, and which may be fitted on."""

from __future__ import annotations

import numpy as np

from wm_ros.data.recording import Recording

SHARE = 0.2


def hold_out(recording: Recording, number: int, bags: int) -> tuple[np.ndarray, np.ndarray]:
    """Episodes to fit on and episodes held out, of those with commands if any has them.

    A fifth of them, drawn the same every time. A bag with one episode is held out or fitted on as a whole, by its
    place in the list: of several such bags every third is held out, beginning with the second. A lone episode is
    neither: there is nothing to hold out.
    """
    able = list(range(len(recording.episodes)))
    if len(recording.labelled_episodes):
        able = recording.labelled_episodes.tolist()
    episodes = np.array([e for e in able if len(recording.clip_starts(2, [e]))], dtype=int)
    if len(episodes) > 1:
        order = np.random.default_rng([0, len(episodes)]).permutation(episodes)
        count = max(1, round(SHARE * len(episodes)))
        return np.sort(order[count:]), np.sort(order[:count])
    if bags == 1:
        return episodes, episodes[:0]
    return (episodes[:0], episodes) if number % 3 == 1 else (episodes, episodes[:0])
