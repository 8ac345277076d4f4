"""Where plans begin and what their goals are: clips of recorded trajectories, and what was done in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wm_ros.data.recording import Recording

PER_EPISODE = 4


@dataclass(frozen=True)
class Starts:
    """Frames rows [C, H + 1], a model step apart, of the episodes [C]: plans go from the first to the last.

    actions: what was done, [C, H, A] in SI rates. places: where the robot was, [C, H + 1, P], see `Recording`, NaN
    where that is not known; None: nowhere.
    """

    rows: np.ndarray
    episode: np.ndarray
    actions: np.ndarray
    places: np.ndarray | None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def placed(self) -> np.ndarray:
        """Of which it is known [C] where the robot was, all the way."""
        if self.places is None:
            return np.zeros(len(self), dtype=bool)
        known: np.ndarray = np.isfinite(self.places).all(axis=(1, 2))
        return known

    def taken(self, which: np.ndarray) -> Starts:
        """Some of them, by a mask [C]."""
        places = None if self.places is None else self.places[which]
        return Starts(self.rows[which], self.episode[which], self.actions[which], places)


def choose_starts(recording: Recording, horizon: int, able: np.ndarray, episodes: int) -> Starts:
    """Clips of up to so many of the able episodes [E], the same every time; of each up to 4 that do not overlap.

    None where no episode is long enough.
    """
    chosen: list[np.ndarray] = []
    of: list[int] = []
    taken = 0
    for episode in np.random.default_rng(0).permutation(able):
        clips = _apart(recording.clips(horizon + 1, [episode]))
        if not len(clips):
            continue
        some = np.unique(np.linspace(0, len(clips) - 1, PER_EPISODE).round().astype(int))
        chosen.append(clips[some])
        of += [int(episode)] * len(some)
        taken += 1
        if taken == episodes:
            break
    rows = np.concatenate(chosen) if chosen else np.zeros((0, horizon + 1), dtype=np.int64)
    width = len(recording.profile.action)
    actions = recording.actions(rows) if len(rows) else np.zeros((0, horizon, width), np.float32)
    places = None if recording.places is None else recording.places[rows]
    return Starts(rows, np.array(of, dtype=np.int64), actions.astype(np.float64), places)


def _apart(clips: np.ndarray) -> np.ndarray:
    """Those of clips [C, T] of an episode, in order, that begin when the one before has ended."""
    kept: list[np.ndarray] = []
    for clip in clips:
        if not kept or clip[0] >= kept[-1][-1]:
            kept.append(clip)
    return np.array(kept, dtype=np.int64).reshape(len(kept), clips.shape[1])
