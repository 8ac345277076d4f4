"""Configuration of an evaluation, and the fingerprint by which an ended one goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wm_ros import __version__
from wm_ros.robots.profile import RobotProfile

SEEDS = 3
# Of fewer, an MLP as a probe learns the episodes by heart (doc/evaluation.md has the figures).
FEW_EPISODES = 100
OWN = ("checkpoint", "pixels", "random")
FAMILIES = ("video-predictive", "video-reconstruction", "image", "autoencoder")


class EvaluationError(RuntimeError):
    """An evaluation that cannot begin; the message names what was found and what to do."""


@dataclass(frozen=True)
class EvaluationConfig:
    """Which bags, read for which robot, which model, and which encoders beside its own.

    encoders: `checkpoint`, `pixels`, `random`, or folders of checkpoints. families: small encoders trained here.
    effort: share of the default number of training steps. side: pixels of the pictures that are kept. camera,
    command: topics to read instead of the profile's. stamps: what dates the messages of bags, their `header` or the
    recorder's `log`. transfer_from: a recording whose latent actions are applied in the bags; None: their
    own.
    """

    bags: tuple[Path, ...]
    profile: RobotProfile
    checkpoint: Path
    encoders: tuple[str, ...] = OWN
    families: tuple[str, ...] = ()
    effort: float = 1.0
    side: int = 64
    cache_dir: Path | None = None
    camera: str | None = None
    command: str | None = None
    stamps: str = "header"
    transfer_from: Path | None = None

    @property
    def command_topic(self) -> str:
        """Where commands are looked for."""
        return self.command or self.profile.command.topic

    def steps(self, full: int) -> int:
        """So many steps instead of the full number."""
        return max(1, round(self.effort * full))

    def fingerprint(self) -> dict[str, Any]:
        """What determines the report, as JSON data: equal fingerprints, equal reports."""
        return {
            "wm_ros": __version__,
            "bags": {str(path.resolve()): _files(path) for path in self.bags},
            "checkpoint": weights_digest(self.checkpoint),
            "profile": self.profile.to_dict(),
            "encoders": {name: _encoder(name) for name in self.encoders},
            "families": list(self.families),
            "effort": self.effort,
            "camera": self.camera,
            "command": self.command,
            "stamps": self.stamps,
            "transfer_from": None if self.transfer_from is None else _files(self.transfer_from),
        }


def are_few(episodes: int) -> bool:
    """Whether so many episodes, those held out among them, are too few to learn more from than a ridge regression."""
    return episodes < FEW_EPISODES


def read_encoders(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The encoders and the families of a list with commas, in which `families` stands for all four."""
    encoders: list[str] = []
    families: list[str] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name == "families":
            families += FAMILIES
        elif name in FAMILIES:
            families.append(name)
        elif name in OWN or (Path(name) / "card.json").is_file():
            encoders.append(name)
        else:
            known = ", ".join((*OWN, "families", *FAMILIES))
            raise EvaluationError(
                f"no encoder {name!r}: known are {known}, and folders of checkpoints (with a card.json)"
            )
    return _once(encoders), _once(families)


def weights_digest(folder: Path) -> str:
    """Which weights a checkpoint has, in 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in ("weights.safetensors", "card.json"):
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _encoder(name: str) -> str:
    return name if name in OWN else weights_digest(Path(name))


def _files(path: Path) -> dict[str, list[int]]:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    found = {}
    for file in files:
        if file.is_file():
            state = file.stat()
            found[file.name] = [state.st_size, state.st_mtime_ns]
    return found


def _once(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
