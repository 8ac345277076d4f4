"""Evaluations in this process, and a dataset made by hand whose results are known."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from wm_ros.evaluation import evaluate as evaluation
from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.evaluation.dataset import extract
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.files import write_json
from wm_ros.evaluation.studies import operator
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")


class Here:
    """In place of `Workers`: does tasks in this process, one after the other. `ended_after`: as if interrupted then."""

    ended_after: str | None = None

    def __init__(self, jobs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        pass

    def run(self, tasks, progress, done):
        for name, call in tasks:
            call(lambda *figures, at_once=False, name=name: progress(name, *figures))
            done(name, None)
            if name == self.ended_after:
                raise KeyboardInterrupt


def evaluate_briefly(monkeypatch) -> None:
    """Evaluations run in this process, and look at little."""
    monkeypatch.setattr(evaluation, "Workers", Here)
    monkeypatch.setattr(operator, "PLANS", 4)
    monkeypatch.setattr(extract, "CORRUPTED_PAIRS", 8)
    monkeypatch.setattr(extract, "SHOWN_FRAMES", 32)


def config(tmp_path: Path, effort: float = 0.06) -> EvaluationConfig:
    """What the studies use of a configuration."""
    return EvaluationConfig((), ARM, tmp_path, effort=effort)


def made_by_hand(
    folder: Path, features: np.ndarray, actions: np.ndarray, episodes: int = 10
) -> EvaluationDataset:
    """Dataset of one bag with an encoder `checkpoint` that has these features [F, D]; the last two episodes are held
    out, and each frame's successor is the next."""
    folder.mkdir()
    count = len(features)
    cuts = np.linspace(0, count, episodes + 1).round().astype(int)
    successors = np.arange(1, count + 1)
    successors[cuts[1:] - 1] = -1
    np.save(folder / "successors.npy", successors)
    np.save(folder / "actions.npy", actions.astype(np.float32))
    np.save(folder / "pictured.npy", np.arange(count))
    np.save(folder / "shown.npy", np.arange(count))
    np.save(folder / "pictures.npy", np.zeros((count, 8, 8, 3), np.uint8))
    target = folder / "checkpoint"
    target.mkdir()
    np.save(target / "output.npy", features.astype(np.float32))
    write_json(target / "layers.json", {"output": features.shape[1]})
    held = np.flatnonzero((np.arange(count) >= cuts[-3]) & (successors >= 0))
    rows = np.stack([held, held + 1], axis=1)
    np.save(folder / "ladder_rows.npy", rows)
    np.save(target / "ladder.npy", np.broadcast_to(features[rows], (6, 3, *features[rows].shape)))
    about = {
        "name": folder.name,
        "error": None,
        "seconds": count * 0.2,
        "frames": count,
        "episodes": [[int(start), int(stop)] for start, stop in itertools.pairwise(cuts)],
        "fit": list(range(episodes - 2)),
        "held": [episodes - 2, episodes - 1],
        "labelled": True,
        "pairs": int((successors >= 0).sum()),
        "still": False,
        "facts": {},
        "notes": [],
        "commands_refused": "",
        "no_states": "no states were measured",
        "topics": [],
        "verdict": "yes",
    }
    write_json(folder / "part.json", about)
    return EvaluationDataset([folder])
