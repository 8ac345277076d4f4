"""What was extracted of all bags as one dataset: clips of frames, and what encoders made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wm_ros.evaluation.config import are_few
from wm_ros.evaluation.dataset.encoders import OUTPUT
from wm_ros.evaluation.files import read_json, slug


@dataclass(frozen=True)
class BagData:
    """What was extracted of one bag; `info` is its part.json. Arrays are mapped into memory."""

    folder: Path
    info: dict[str, Any]

    def array(self, *names: str) -> np.ndarray:
        """An array of the folder, such as `array("pixels", "output")`."""
        return np.load(self.folder.joinpath(*names[:-1], f"{names[-1]}.npy"), mmap_mode="r")

    def has(self, *names: str) -> bool:
        """Whether there is such an array."""
        return self.folder.joinpath(*names[:-1], f"{names[-1]}.npy").is_file()

    def episodes_of(self, role: str) -> list[int]:
        """Episodes that are fitted on, `fit`, or held out, `held`, or both, `all`."""
        return sorted(self.info["fit"] + self.info["held"]) if role == "all" else self.info[role]

    @cached_property
    def successors(self) -> np.ndarray:
        return np.array(self.array("successors"))

    @cached_property
    def actions(self) -> np.ndarray:
        return np.array(self.array("actions"))

    @cached_property
    def picture_rows(self) -> np.ndarray:
        return np.array(self.array("pictured"))


@dataclass(frozen=True)
class Clips:
    """Clips at the model's rate: the bag [C] of each, the rows [C, T] of its frames there, and its episode [C]."""

    bag: np.ndarray
    rows: np.ndarray
    episode: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, mask: np.ndarray) -> Clips:
        return Clips(self.bag[mask], self.rows[mask], self.episode[mask])

    @property
    def groups(self) -> np.ndarray:
        """One number [C] for each episode of each bag, the same in all clips of a dataset."""
        return (self.bag.astype(np.int64) << 32) + self.episode

    def first(self, mask: np.ndarray, frames: int) -> Clips:
        """The first frames of these."""
        return Clips(self.bag[mask], self.rows[mask][:, :frames], self.episode[mask])

    def ends(self, mask: np.ndarray) -> Clips:
        """The first and last frames of these."""
        return Clips(self.bag[mask], self.rows[mask][:, [0, -1]], self.episode[mask])


def joined(clips: Sequence[Clips]) -> Clips:
    """All of these, of which there is at least one."""
    return Clips(
        *(np.concatenate([getattr(some, name) for some in clips]) for name in ("bag", "rows", "episode"))
    )


class EvaluationDataset:
    """All bags that could be read; `unreadable`: the others, which say why."""

    def __init__(self, folders: Sequence[Path]) -> None:
        bags = [BagData(folder, read_json(folder / "part.json")) for folder in folders]
        self.bags = [bag for bag in bags if bag.info["error"] is None]
        self.unreadable = [bag for bag in bags if bag.info["error"] is not None]

    @cached_property
    def episode_count(self) -> int:
        """Episodes that are fitted on or held out; where there are commands, those with commands."""
        labelled = [bag for bag in self.bags if bag.info["labelled"]]
        return sum(len(bag.episodes_of("all")) for bag in labelled or self.bags)

    @property
    def few(self) -> bool:
        """Whether there are too few to hold some out once and for all: each is held out in turn, of what can be."""
        return are_few(self.episode_count)

    def clips(
        self, role: str, length: int, max_count: int, labelled: bool = False, with_pictures: bool = False
    ) -> Clips:
        """Up to `max_count` clips of `length` frames in the episodes of a role, the same every time.

        role: `fit`, `held`, or `all` for both. labelled: of bags with commands. with_pictures: of frames that were
        kept as pictures.
        """
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for number, bag in enumerate(self.bags):
            if labelled and not bag.info["labelled"]:
                continue
            for episode in bag.episodes_of(role):
                rows = _clips_of_episode(bag, episode, length, with_pictures)
                found.append((np.full(len(rows), number), rows, np.full(len(rows), episode)))
        if not found:
            empty = np.zeros(0, dtype=int)
            return Clips(empty, np.zeros((0, length), dtype=int), empty)
        clips = Clips(*(np.concatenate(column) for column in zip(*found, strict=True)))
        order = np.random.default_rng(0).permutation(len(clips))[:max_count]
        return clips[np.sort(order)]

    def clips_of(self, bag: int, rows: np.ndarray) -> Clips:
        """Clips of rows [C, T] of one bag."""
        begins = np.array([start for start, _ in self.bags[bag].info["episodes"]])
        return Clips(np.full(len(rows), bag), rows, np.searchsorted(begins, rows[:, 0], side="right") - 1)

    def actions(self, clips: Clips) -> np.ndarray:
        """Commands [C, T - 1, A] between the frames of clips, SI units."""
        return self.gather_rows([bag.actions for bag in self.bags], clips.bag, clips.rows[:, :-1])

    def features(self, encoder: str, layer: str, clips: Clips) -> np.ndarray:
        """The mean tokens [C, T, D] that a layer of an encoder made of the frames of clips."""
        files = [bag.array(slug(encoder), slug(layer)) for bag in self.bags]
        return self.gather_rows(files, clips.bag, clips.rows)

    def pictures(self, clips: Clips) -> np.ndarray:
        """Small pictures [C, T, side, side, 3] uint8 of clips of frames that were kept as pictures."""
        return self.gather_rows(
            [bag.array("pictures") for bag in self.bags], clips.bag, self.picture_indices(clips)
        )

    def picture_indices(self, clips: Clips) -> np.ndarray:
        """Indices [C, T] of the frames of clips among the pictures of their bag."""
        indices = np.empty_like(clips.rows)
        for number, bag in enumerate(self.bags):
            mask = clips.bag == number
            indices[mask] = np.searchsorted(bag.picture_rows, clips.rows[mask])
        return indices

    def no_pairs_reason(self) -> str | None:
        """Why there is no pair of frames a model step apart in any bag, None where there is one."""
        if any(bag.info["pairs"] for bag in self.bags):
            return None
        return next((bag.info["verdict"].removeprefix("no: ") for bag in self.bags), "no bag could be read")

    def layers(self, encoder: str) -> dict[str, int]:
        """The layers of an encoder with their width, the output last."""
        if not self.bags:
            return {}
        found = read_json(self.bags[0].folder / slug(encoder) / "layers.json")
        return {**{name: width for name, width in found.items() if name != OUTPUT}, OUTPUT: found[OUTPUT]}

    def gather_rows(self, arrays: Sequence[np.ndarray], bag: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Values [C, T, ...] of arrays, one for each bag, by their rows [C, T]."""
        shape, dtype = arrays[0].shape[1:], arrays[0].dtype
        collected = np.empty((*rows.shape, *shape), dtype=dtype)
        for number, array in enumerate(arrays):
            mask = bag == number
            if mask.any():
                collected[mask] = array[rows[mask]]
        return collected


def _clips_of_episode(bag: BagData, episode: int, length: int, with_pictures: bool) -> np.ndarray:
    rows = np.arange(*bag.info["episodes"][episode])[:, None]
    for _ in range(length - 1):
        after = bag.successors[rows[:, -1]]
        rows = np.concatenate([rows, after[:, None]], axis=1)[after >= 0]
    return rows[np.isin(rows, bag.picture_rows).all(axis=1)] if with_pictures else rows
