"""Reads one bag as training does and keeps of it, in files, all that the studies need.

Every bag is read on its own and holds out episodes of its own, so bags can be read in any order and any process.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from wm_ros.data.bag_topics import TopicError
from wm_ros.data.describe import describe
from wm_ros.data.load import load_recording
from wm_ros.data.recording import Recording, RecordingError
from wm_ros.data.verdict import verdicts
from wm_ros.evaluation.config import EvaluationConfig, are_few
from wm_ros.evaluation.dataset.corruptions import SEVERITIES, corrupt
from wm_ros.evaluation.dataset.encoders import OUTPUT, HookedEncoder, load_named_encoder
from wm_ros.evaluation.dataset.hold_out import hold_out
from wm_ros.evaluation.dataset.measured import save_states
from wm_ros.evaluation.files import slug, write_json
from wm_ros.models.checkpoint import load_checkpoint

HORIZON = 8  # model steps of the clips that the world model is asked about
CLIPS = 128  # of a bag
CORRUPTED_PAIRS = 120  # of a bag
PICTURES = 20_000  # of a bag: 64 px wide they take 246 MB
SHOWN_FRAMES = 1536  # of a bag, whose tokens are kept to be drawn again
SHOWN_BYTES = 512 << 20  # of an encoder, or fewer frames are shown
CLIP_BYTES = 256 << 20
BATCH = 64

Progress = Callable[[float], None]


def extract(config: EvaluationConfig, number: int, folder: Path, progress: Progress) -> None:
    """Write what is kept of bag `number` into a folder; for one that cannot be read, why."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = config.bags[number]
    try:
        recording, refused = _read(path, config)
    except RecordingError as error:
        write_json(folder / "part.json", {"name": path.name, "error": str(error)})
        return
    fit, held = hold_out(recording, number, len(config.bags))
    np.save(folder / "successors.npy", recording.successors)
    np.save(folder / "actions.npy", recording.step_actions)
    picture_rows = _picture_rows(recording, fit, held)
    np.save(folder / "pictured.npy", picture_rows)
    _save_pictures(recording, picture_rows, config.side, folder / "pictures.npy")
    shown = _evenly_spaced(np.random.default_rng(0).permutation(picture_rows), SHOWN_FRAMES)
    np.save(folder / "shown.npy", shown)
    # Of a bag that has few episodes, perhaps there are few in all: then those that are fitted on are asked, too.
    asked = [held, fit] if are_few(len(fit) + len(held)) else [held]
    _encode(recording, config, asked, shown, folder, progress)
    no_states = save_states(recording, path, config, folder)
    info = {
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
        "still": not _has_motion(recording),
        "no_states": no_states,
        "topics": [asdict(topics) for topics in recording.topics],
        "facts": describe(recording),
        "notes": list(recording.notes),
        "commands_refused": refused,
        "verdict": verdicts(recording)["encoder, world model"],
    }
    write_json(folder / "part.json", info)


def _read(path: Path, config: EvaluationConfig) -> tuple[Recording, str]:
    """The recording; without its commands where only they cannot be used, and then what was wrong with them."""
    asked: dict[str, Any] = {"cache_dir": config.cache_dir, "camera": config.camera, "stamps": config.stamps}
    try:
        return load_recording([path], config.profile, command=config.command, **asked), ""
    except TopicError:  # who asks for a topic does not want an evaluation without it
        raise
    except RecordingError as error:
        # Pictures alone are enough for half of the studies. No topic has this name.
        blind = replace(config.profile, command=replace(config.profile.command, topic="no commands"))
        recording = load_recording([path], blind, **asked)
        note = f"{path.name}: read without its commands, which cannot be used: {error}"
        return replace(recording, profile=config.profile, notes=(note, *recording.notes)), str(error)


def _encode(
    recording: Recording,
    config: EvaluationConfig,
    asked: Sequence[np.ndarray],
    shown: np.ndarray,
    folder: Path,
    progress: Progress,
) -> None:
    """Features of all frames by encoder and layer, tokens of some, and features of corrupted pairs.

    asked: sets of episodes, of each of which pairs are corrupted and clips are kept.
    """
    model = load_checkpoint(config.checkpoint)
    pairs = np.concatenate([_evenly_spaced(recording.clips(2, some), CORRUPTED_PAIRS) for some in asked])
    np.save(folder / "ladder_rows.npy", pairs)
    for index, name in enumerate(config.encoders):

        def encoded(share: float, index: int = index) -> None:
            progress((index + share) / len(config.encoders))

        hooked, target = HookedEncoder(load_named_encoder(name, model)), folder / slug(name)
        target.mkdir()
        write_json(target / "grid.json", {"side": hooked.grid})
        _save_features(recording, hooked, target, lambda share: encoded(0.7 * share))
        _save_tokens(recording, hooked, shown, target / "tokens.npy")
        if len(pairs):
            np.save(target / "ladder.npy", _corrupted_features(recording, hooked, pairs, encoded))
        if name == "checkpoint":
            _save_clips(recording, hooked, asked, folder)


def _save_features(recording: Recording, hooked: HookedEncoder, folder: Path, progress: Progress) -> None:
    """The mean token of every frame, [F, D] of each layer."""
    files: dict[str, Any] = {}
    count = len(recording.frames)
    for start in range(0, count, BATCH):
        for layer, tokens in hooked(_frames(recording, np.arange(start, min(start + BATCH, count)))).items():
            if layer not in files:
                path = folder / f"{slug(layer)}.npy"
                files[layer] = np.lib.format.open_memmap(path, "w+", np.float32, (count, tokens.shape[2]))
            files[layer][start : start + len(tokens)] = tokens.mean(dim=1).numpy()
        progress(min(start + BATCH, count) / count)
    write_json(folder / "layers.json", {name: file.shape[1] for name, file in files.items()})


def _save_tokens(recording: Recording, hooked: HookedEncoder, rows: np.ndarray, path: Path) -> None:
    """The output's tokens [S, N, D] of the first of these frames, as many as may be kept."""
    one = _output(hooked, _frames(recording, rows[:1]))
    count = min(len(rows), max(1, SHOWN_BYTES // (2 * one[0].numel())))
    file = np.lib.format.open_memmap(path, "w+", np.float16, (count, *one.shape[1:]))
    for start in range(0, count, BATCH):
        chosen = rows[start : min(start + BATCH, count)]
        file[start : start + len(chosen)] = _output(hooked, _frames(recording, chosen)).half().numpy()


def _save_clips(
    recording: Recording, hooked: HookedEncoder, asked: Sequence[np.ndarray], folder: Path
) -> None:
    """Latents [C, T + 1, N, D] of clips in these sets of episodes."""
    size = 4 * _output(hooked, _frames(recording, np.zeros(1, int)))[0].numel() * (HORIZON + 1)
    most = min(CLIPS, max(1, CLIP_BYTES // size))
    rows = np.concatenate([_evenly_spaced(recording.clips(HORIZON + 1, some), most) for some in asked])
    np.save(folder / "clip_rows.npy", rows)
    if len(rows):
        latents = [_output(hooked, _frames(recording, row)) for row in rows]
        np.save(folder / "clip_states.npy", torch.stack(latents).numpy())


def _corrupted_features(
    recording: Recording, hooked: HookedEncoder, pairs: np.ndarray, progress: Progress
) -> np.ndarray:
    """Mean tokens [kinds, severities, P, 2, D] of corrupted pairs."""
    found = []
    for kind_index, (kind, severities) in enumerate(SEVERITIES.items()):
        for severity in severities:
            tokens = []
            for start in range(0, len(pairs), BATCH // 2):
                some = range(start, min(start + BATCH // 2, len(pairs)))
                frames = [corrupt(recording.frames[pairs[index]], kind, severity, index) for index in some]
                tokens.append(_output(hooked, torch.from_numpy(np.concatenate(frames))).mean(dim=1))
            found.append(torch.cat(tokens).unflatten(0, (-1, 2)).numpy())
        progress(0.7 + 0.3 * (kind_index + 1) / len(SEVERITIES))
    return np.stack(found).reshape(len(SEVERITIES), -1, *found[0].shape)


def _output(hooked: HookedEncoder, frames: torch.Tensor) -> torch.Tensor:
    return hooked(frames)[OUTPUT]


def _frames(recording: Recording, rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(recording.frames[rows]))


def _save_pictures(recording: Recording, rows: np.ndarray, side: int, path: Path) -> None:
    """Small pictures [S, side, side, 3] of these frames: their centre squares; of several cameras all, squeezed."""
    file = np.lib.format.open_memmap(path, "w+", np.uint8, (len(rows), side, side, 3))
    height, width = recording.frames.shape[1:3]
    if recording.profile.other_cameras:
        for index, row in enumerate(rows):
            file[index] = cv2.resize(recording.frames[row], (side, side), interpolation=cv2.INTER_AREA)
        return
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    for index, row in enumerate(rows):
        square = recording.frames[row][top : top + short, left : left + short]
        file[index] = (
            square if short == side else cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
        )


def _picture_rows(recording: Recording, fit: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The frames of as many episodes as may be kept as pictures: half of the room is for those held out."""
    chosen: list[np.ndarray] = []
    for episodes, room in ((held, PICTURES // 2), (fit, PICTURES)):
        for episode in np.random.default_rng(0).permutation(episodes):
            rows = np.arange(recording.episodes[episode].start, recording.episodes[episode].stop)
            kept = sum(map(len, chosen))
            if kept < room:
                chosen.append(rows[: room - kept])
    return np.sort(np.concatenate(chosen)) if chosen else np.arange(min(len(recording.frames), PICTURES))


def _has_motion(recording: Recording) -> bool:
    """Whether any of some pairs of frames differ; so it is taken where there are none."""
    pairs = _evenly_spaced(recording.clips(2), 256)
    return not len(pairs) or any(
        not np.array_equal(recording.frames[now], recording.frames[then]) for now, then in pairs.tolist()
    )


def _evenly_spaced(rows: np.ndarray, max_count: int) -> np.ndarray:
    """At most `max_count` of these rows, evenly spaced."""
    if len(rows) <= max_count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, max_count).round().astype(int)]


def _seconds(recording: Recording) -> float:
    stamps = recording.stamps_ns
    return sum((stamps[e.stop - 1] - stamps[e.start]) * 1e-9 for e in recording.episodes)
