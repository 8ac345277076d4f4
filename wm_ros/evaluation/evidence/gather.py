"""Reads one bag as training does and keeps of it, in files, all that the questions need.

Every bag is read on its own and holds out episodes of its own, so bags can be read in any order and any process.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from wm_ros.data.describe import describe
from wm_ros.data.load import load_recording
from wm_ros.data.recording import Recording, RecordingError
from wm_ros.data.verdict import verdicts
from wm_ros.evaluation.evidence.corruptions import LADDER, corrupt
from wm_ros.evaluation.evidence.encoders import OUTPUT, Tapped, encoder_named
from wm_ros.evaluation.evidence.hold_out import hold_out
from wm_ros.evaluation.evidence.request import Ask
from wm_ros.evaluation.files import slug, write_json
from wm_ros.models.checkpoint import load_checkpoint

HORIZON = 8  # model steps of the clips that the world model is asked about
CLIPS = 128  # of a bag
LADDER_PAIRS = 120  # of a bag
PICTURES = 20_000  # of a bag: 64 px wide they take 246 MB
SHOWN_FRAMES = 1536  # of a bag, whose tokens are kept to be drawn again
SHOWN_BYTES = 512 << 20  # of an encoder, or fewer frames are shown
CLIP_BYTES = 256 << 20
BATCH = 64

Progress = Callable[[float], None]


def gather(ask: Ask, number: int, folder: Path, progress: Progress) -> None:
    """Write the part of bag `number` into a folder; one that cannot be read is a part that says why."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = ask.bags[number]
    try:
        recording, notes = _read(path, ask)
    except RecordingError as error:
        write_json(folder / "part.json", {"name": path.name, "error": str(error)})
        return
    fit, held = hold_out(recording, number, len(ask.bags))
    np.save(folder / "successors.npy", recording.successors)
    np.save(folder / "actions.npy", recording.step_actions)
    pictured = _pictured(recording, fit, held)
    np.save(folder / "pictured.npy", pictured)
    _keep_pictures(recording, pictured, ask.side, folder / "pictures.npy")
    shown = _even(np.random.default_rng(0).permutation(pictured), SHOWN_FRAMES)
    np.save(folder / "shown.npy", shown)
    _encode(recording, ask, held, shown, folder, progress)
    about = {
        "name": path.name,
        "error": None,
        "seconds": round(_seconds(recording), 3),
        "frames": len(recording.frames),
        "size": list(recording.frames.shape[1:3]),
        "episodes": [[episode.start, episode.stop] for episode in recording.episodes],
        "fit": fit.tolist(),
        "held": held.tolist(),
        "labelled": bool(len(recording.labelled_episodes)),
        "pairs": int((recording.successors >= 0).sum()),
        "still": not _moves(recording),
        "facts": describe(recording),
        "notes": [*notes, *recording.notes],
        "verdict": verdicts(recording)["encoder, world model"],
    }
    write_json(folder / "part.json", about)


def _read(path: Path, ask: Ask) -> tuple[Recording, list[str]]:
    """The recording; without its commands where only they cannot be used, and what was wrong with them."""
    try:
        return load_recording([path], ask.profile, ask.cache_dir, stamps=ask.stamps), []
    except RecordingError as error:
        # Pictures alone answer half of the questions. No topic has this name.
        blind = replace(ask.profile, command=replace(ask.profile.command, topic="no commands"))
        recording = load_recording([path], blind, ask.cache_dir, stamps=ask.stamps)
        note = f"{path.name}: read without its commands, which cannot be used: {error}"
        return replace(recording, profile=ask.profile), [note]


def _encode(
    recording: Recording, ask: Ask, held: np.ndarray, shown: np.ndarray, folder: Path, progress: Progress
) -> None:
    """Features of all frames by encoder and layer, tokens of some, and the ladder of corruptions."""
    model = load_checkpoint(ask.checkpoint)
    pairs = _even(recording.clips(2, held), LADDER_PAIRS)
    np.save(folder / "ladder_rows.npy", pairs)
    for place, name in enumerate(ask.encoders):

        def encoded(share: float, place: int = place) -> None:
            progress((place + share) / len(ask.encoders))

        tapped, target = Tapped(encoder_named(name, model)), folder / slug(name)
        target.mkdir()
        _keep_features(recording, tapped, target, lambda share: encoded(0.7 * share))
        _keep_tokens(recording, tapped, shown, target / "tokens.npy")
        if len(pairs):
            np.save(target / "ladder.npy", _ladder(recording, tapped, pairs, encoded))
        if name == "checkpoint":
            _keep_clips(recording, tapped, held, folder)


def _keep_features(recording: Recording, tapped: Tapped, folder: Path, progress: Progress) -> None:
    """The mean token of every frame, [F, D] of each layer."""
    files: dict[str, Any] = {}
    count = len(recording.frames)
    for start in range(0, count, BATCH):
        for layer, tokens in tapped(_frames(recording, np.arange(start, min(start + BATCH, count)))).items():
            if layer not in files:
                path = folder / f"{slug(layer)}.npy"
                files[layer] = np.lib.format.open_memmap(path, "w+", np.float32, (count, tokens.shape[2]))
            files[layer][start : start + len(tokens)] = tokens.mean(dim=1).numpy()
        progress(min(start + BATCH, count) / count)
    write_json(folder / "layers.json", {name: file.shape[1] for name, file in files.items()})


def _keep_tokens(recording: Recording, tapped: Tapped, rows: np.ndarray, path: Path) -> None:
    """The output's tokens [S, N, D] of the first of these frames, as many as may be kept."""
    one = _output(tapped, _frames(recording, rows[:1]))
    count = min(len(rows), max(1, SHOWN_BYTES // (2 * one[0].numel())))
    file = np.lib.format.open_memmap(path, "w+", np.float16, (count, *one.shape[1:]))
    for start in range(0, count, BATCH):
        chosen = rows[start : min(start + BATCH, count)]
        file[start : start + len(chosen)] = _output(tapped, _frames(recording, chosen)).half().numpy()


def _keep_clips(recording: Recording, tapped: Tapped, held: np.ndarray, folder: Path) -> None:
    """States [C, T + 1, N, D] of held-out clips; of the only episode where nothing could be held out."""
    episodes = held if len(held) else np.arange(len(recording.episodes))
    rows = recording.clips(HORIZON + 1, episodes)
    size = 4 * _output(tapped, _frames(recording, np.zeros(1, int)))[0].numel() * (HORIZON + 1)
    rows = _even(rows, min(CLIPS, max(1, CLIP_BYTES // size)))
    np.save(folder / "clip_rows.npy", rows)
    if len(rows):
        states = [_output(tapped, _frames(recording, row)) for row in rows]
        np.save(folder / "clip_states.npy", torch.stack(states).numpy())


def _ladder(recording: Recording, tapped: Tapped, pairs: np.ndarray, progress: Progress) -> np.ndarray:
    """Mean tokens [kinds, severities, P, 2, D] of corrupted pairs."""
    found = []
    for place, (kind, severities) in enumerate(LADDER.items()):
        for severity in severities:
            tokens = []
            for start in range(0, len(pairs), BATCH // 2):
                some = range(start, min(start + BATCH // 2, len(pairs)))
                frames = [corrupt(recording.frames[pairs[index]], kind, severity, index) for index in some]
                tokens.append(_output(tapped, torch.from_numpy(np.concatenate(frames))).mean(dim=1))
            found.append(torch.cat(tokens).unflatten(0, (-1, 2)).numpy())
        progress(0.7 + 0.3 * (place + 1) / len(LADDER))
    return np.stack(found).reshape(len(LADDER), -1, *found[0].shape)


def _output(tapped: Tapped, frames: torch.Tensor) -> torch.Tensor:
    return tapped(frames)[OUTPUT]


def _frames(recording: Recording, rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(recording.frames[rows]))


def _keep_pictures(recording: Recording, rows: np.ndarray, side: int, path: Path) -> None:
    """Small pictures [S, side, side, 3] of these frames: their centre squares."""
    file = np.lib.format.open_memmap(path, "w+", np.uint8, (len(rows), side, side, 3))
    height, width = recording.frames.shape[1:3]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    for place, row in enumerate(rows):
        square = recording.frames[row][top : top + short, left : left + short]
        file[place] = (
            square if short == side else cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
        )


def _pictured(recording: Recording, fit: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The frames of as many episodes as may be kept as pictures: half of the room is for those held out."""
    chosen: list[np.ndarray] = []
    for episodes, room in ((held, PICTURES // 2), (fit, PICTURES)):
        for episode in np.random.default_rng(0).permutation(episodes):
            rows = np.arange(recording.episodes[episode].start, recording.episodes[episode].stop)
            kept = sum(map(len, chosen))
            if kept < room:
                chosen.append(rows[: room - kept])
    return np.sort(np.concatenate(chosen)) if chosen else np.arange(min(len(recording.frames), PICTURES))


def _moves(recording: Recording) -> bool:
    """Whether any of some pairs of frames differ; so it is taken where there are none."""
    pairs = _even(recording.clips(2), 256)
    return not len(pairs) or any(
        not np.array_equal(recording.frames[now], recording.frames[then]) for now, then in pairs.tolist()
    )


def _even(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of these rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]


def _seconds(recording: Recording) -> float:
    stamps = recording.stamps_ns
    return sum((stamps[e.stop - 1] - stamps[e.start]) * 1e-9 for e in recording.episodes)
