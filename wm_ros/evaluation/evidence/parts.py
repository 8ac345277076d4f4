"""The parts of all bags as one body of evidence: chains of frames, and what encoders made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wm_ros.evaluation.evidence.encoders import OUTPUT
from wm_ros.evaluation.files import read_json, slug


@dataclass(frozen=True)
class Part:
    """What was kept of one bag; `about` is its part.json. Arrays are mapped into memory."""

    folder: Path
    about: dict[str, Any]

    def array(self, *names: str) -> np.ndarray:
        """An array of the folder, such as `array("pixels", "output")`."""
        return np.load(self.folder.joinpath(*names[:-1], f"{names[-1]}.npy"), mmap_mode="r")

    def has(self, *names: str) -> bool:
        """Whether there is such an array."""
        return self.folder.joinpath(*names[:-1], f"{names[-1]}.npy").is_file()

    @cached_property
    def successors(self) -> np.ndarray:
        return np.array(self.array("successors"))

    @cached_property
    def actions(self) -> np.ndarray:
        return np.array(self.array("actions"))

    @cached_property
    def pictured(self) -> np.ndarray:
        return np.array(self.array("pictured"))


@dataclass(frozen=True)
class Chains:
    """Frames at the model's rate: the part [C] they are of, their rows [C, T] in it, and the episode [C] there."""

    part: np.ndarray
    rows: np.ndarray
    episode: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: np.ndarray) -> Chains:
        return Chains(self.part[chosen], self.rows[chosen], self.episode[chosen])

    @property
    def groups(self) -> np.ndarray:
        """One number [C] for each episode of each part."""
        return np.unique(np.stack([self.part, self.episode]), axis=1, return_inverse=True)[1].reshape(-1)

    def ends(self, chosen: np.ndarray) -> Chains:
        """The first and last frames of these."""
        return Chains(self.part[chosen], self.rows[chosen][:, [0, -1]], self.episode[chosen])


class Evidence:
    """All parts that could be read; `failed`: the others, which say why."""

    def __init__(self, folders: Sequence[Path]) -> None:
        parts = [Part(folder, read_json(folder / "part.json")) for folder in folders]
        self.parts = [part for part in parts if part.about["error"] is None]
        self.failed = [part for part in parts if part.about["error"] is not None]

    def chains(
        self, role: str, length: int, most: int, labelled: bool = False, pictured: bool = False
    ) -> Chains:
        """Up to `most` chains of so many frames in the episodes of a role, `fit` or `held`, the same every time.

        labelled: of parts with commands. pictured: of frames that were kept as pictures.
        """
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for number, part in enumerate(self.parts):
            if labelled and not part.about["labelled"]:
                continue
            for episode in part.about[role]:
                rows = _chains(part, episode, length, pictured)
                found.append((np.full(len(rows), number), rows, np.full(len(rows), episode)))
        if not found:
            empty = np.zeros(0, dtype=int)
            return Chains(empty, np.zeros((0, length), dtype=int), empty)
        chains = Chains(*(np.concatenate(column) for column in zip(*found, strict=True)))
        order = np.random.default_rng(0).permutation(len(chains))[:most]
        return chains[np.sort(order)]

    def actions(self, chains: Chains) -> np.ndarray:
        """Commands [C, T - 1, A] between the frames of chains, SI units."""
        return self.collect([part.actions for part in self.parts], chains.part, chains.rows[:, :-1])

    def features(self, encoder: str, layer: str, chains: Chains) -> np.ndarray:
        """The mean tokens [C, T, D] that a layer of an encoder made of the frames of chains."""
        files = [part.array(slug(encoder), slug(layer)) for part in self.parts]
        return self.collect(files, chains.part, chains.rows)

    def pictures(self, chains: Chains) -> np.ndarray:
        """Small pictures [C, T, side, side, 3] uint8 of chains of frames that are pictured."""
        return self.collect([part.array("pictures") for part in self.parts], chains.part, self.places(chains))

    def places(self, chains: Chains) -> np.ndarray:
        """Where among the pictures of their part the frames of chains are, [C, T]."""
        places = np.empty_like(chains.rows)
        for number, part in enumerate(self.parts):
            chosen = chains.part == number
            places[chosen] = np.searchsorted(part.pictured, chains.rows[chosen])
        return places

    def no_pairs(self) -> str | None:
        """Why there is no pair of frames a model step apart in any part, None where there is one."""
        if any(part.about["pairs"] for part in self.parts):
            return None
        return next(
            (part.about["verdict"].removeprefix("no: ") for part in self.parts), "no bag could be read"
        )

    def layers(self, encoder: str) -> dict[str, int]:
        """The layers of an encoder with their width, the output last."""
        if not self.parts:
            return {}
        found = read_json(self.parts[0].folder / slug(encoder) / "layers.json")
        return {**{name: width for name, width in found.items() if name != OUTPUT}, OUTPUT: found[OUTPUT]}

    def collect(self, arrays: Sequence[np.ndarray], part: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Entries [C, T, ...] of arrays, one for each part, by their rows [C, T]."""
        shape, kind = arrays[0].shape[1:], arrays[0].dtype
        collected = np.empty((*rows.shape, *shape), dtype=kind)
        for number, array in enumerate(arrays):
            chosen = part == number
            if chosen.any():
                collected[chosen] = array[rows[chosen]]
        return collected


def _chains(part: Part, episode: int, length: int, pictured: bool) -> np.ndarray:
    rows = np.arange(*part.about["episodes"][episode])[:, None]
    for _ in range(length - 1):
        after = part.successors[rows[:, -1]]
        rows = np.concatenate([rows, after[:, None]], axis=1)[after >= 0]
    return rows[np.isin(rows, part.pictured).all(axis=1)] if pictured else rows
