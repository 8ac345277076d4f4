"""Clips whose latent actions are taken, and in which others they are applied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wm_ros.evaluation.dataset.dataset import Clips, EvaluationDataset
from wm_ros.evaluation.dataset.extract import HORIZON
from wm_ros.evaluation.studies.dynamics import kept_clips

MOST = 96


@dataclass(frozen=True)
class Video:
    """Clips of recordings: latents [C, T + 1, N, D], of which frames, and whether nothing is fitted on them here [C].

    name: of the recordings, for people.
    """

    name: str
    dataset: EvaluationDataset
    latents: Tensor
    clips: Clips
    held: np.ndarray

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def episodes(self) -> int:
        """How many episodes the clips are of."""
        return len(np.unique(self.clips.groups))

    @property
    def actions(self) -> np.ndarray:
        """Commands [C, T, A] in SI units, NaN where they are not known."""
        return self.dataset.actions(self.clips)

    def pictures(self) -> Tensor:
        """What was recorded, uint8 [C, T + 1, 3, side, side]."""
        return torch.from_numpy(self.dataset.pictures(self.clips)).permute(0, 1, 4, 2, 3)

    def __getitem__(self, mask: np.ndarray) -> Video:
        rows = np.arange(len(self))[mask]
        return Video(
            self.name, self.dataset, self.latents[torch.from_numpy(rows)], self.clips[rows], self.held[rows]
        )


def clips_of(dataset: EvaluationDataset, name: str, fitted_on: bool) -> Video:
    """Up to 96 clips of frames that were kept as pictures, evenly spaced; of those held out, or of all where there are
    few. fitted_on: whether anything is fitted on the dataset's other episodes."""
    latents, clips = kept_clips(dataset)
    pictured = np.ones(len(clips), dtype=bool)
    held = np.full(len(clips), not fitted_on)
    for number, bag in enumerate(dataset.bags):
        here = clips.bag == number
        pictured[here] = np.isin(clips.rows[here], bag.picture_rows).all(axis=1)
        held[here] |= np.isin(clips.episode[here], bag.episodes_of("held"))
    able = np.flatnonzero(pictured)
    rows = able[np.unique(np.linspace(0, len(able) - 1, min(MOST, len(able))).round().astype(int))]
    return Video(name, dataset, torch.from_numpy(latents[rows]), clips[rows], held[rows])


def no_clips_reason(video: Video) -> str | None:
    """Why latent actions cannot be taken from, or applied in, this video; None where they can."""
    if not len(video):
        bags = [*video.dataset.bags, *video.dataset.unreadable]
        reasons = [
            f"{bag.info['name']} could not be read: {bag.info['error']}"
            if bag.info["error"] is not None
            else bag.info["verdict"].removeprefix("no: ")
            for bag in bags
            if bag.info["error"] is not None or bag.info["verdict"].startswith("no: ")
        ]
        needed = f"no episode of {video.name} has the {HORIZON + 1} frames of a clip at the model's rate"
        return "; ".join([needed, *reasons])
    if len(video) < 2:
        return f"{video.name} has one clip of {HORIZON + 1} frames, and controls need another: record more"
    if np.allclose(video.latents, video.latents[:, :1], rtol=1e-5, atol=1e-5):
        return f"nothing moves in the pictures of {video.name}"
    return None


def partners(first: Video, second: Video, generator: np.random.Generator) -> np.ndarray:
    """For each clip of the first video a clip [C] of the second, of another episode drawn by the generator.

    Of one whose clips are as much held out as its own, so that what is fitted here has seen neither or both, where
    there is such an episode. Where both are the same single episode, half of its clips later.
    """
    mine, theirs = first.clips.groups, second.clips.groups
    same = first.dataset is second.dataset
    found = np.zeros(len(first), dtype=int)
    for episode in np.unique(mine):
        rows = np.flatnonzero(mine == episode)
        elsewhere = theirs != episode if same else np.ones(len(theirs), dtype=bool)
        if not elsewhere.any():
            found[rows] = (rows + max(1, len(second) // 2)) % len(second)
            continue
        alike = elsewhere & (second.held == first.held[rows[0]])
        others = np.unique(theirs[alike if alike.any() else elsewhere])
        chosen = np.flatnonzero(theirs == generator.choice(others))
        found[rows] = chosen[np.arange(len(rows)) % len(chosen)]
    return found
