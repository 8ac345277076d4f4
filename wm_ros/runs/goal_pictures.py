"""Goals for a sequence: a folder of pictures as it is, of a video or a bag the frames that are far enough apart.

And a demonstration: the frames that are a model step apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import read_picture
from wm_ros.messages.picture_folder import SUFFIXES, read_pictures
from wm_ros.messages.views import joined, split
from wm_ros.robots.profile import RobotProfile
from wm_ros.ros.qos import MOST_FRAMES
from wm_ros.stages.subgoals import subgoals

WRITTEN = "[0-9][0-9][0-9]_*.png"


class GoalError(ValueError):
    """Goals that cannot be used; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Spacing:
    """Of goals from a video, by a model's goal distance. checkpoint: its folder, empty for the packaged one.

    reached: goal distance at which a goal is reached, 0 for the checkpoint's own; times: so many times that.
    """

    checkpoint: str = ""
    reached: float = 0.0
    times: float = 4.0
    episode: int = 0


def goal_pictures(
    source: Path, profile: RobotProfile, spacing: Spacing
) -> tuple[list[tuple[str, np.ndarray]], str]:
    """Names and pictures [H, W, 3] uint8 of the goals in `source`, and what was made of it, for people.

    source: a picture, a folder of pictures, a video, or a bag; of several cameras also a folder that has a folder of
    pictures for each. Raises GoalError.
    """
    try:
        if profile.other_cameras and any((source / camera.name).is_dir() for camera in profile.cameras):
            pictures = _of_each_camera(source, profile)
            return pictures, f"{len(pictures)} pictures of {len(profile.cameras)} cameras"
        if source.is_file() and source.suffix.lower() in SUFFIXES:
            return _checked([(source.name, read_picture(source))], profile), "one picture"
        if source.is_dir() and _holds_pictures(source):
            pictures = _checked(read_pictures(source), profile)
            return pictures, f"{len(pictures)} pictures"
        return _of_recording(source, profile, spacing)
    except ImageError as error:
        raise GoalError(str(error)) from error
    except RecordingError as error:
        raise GoalError(f"{error}. Goals can also be a folder of pictures ({', '.join(SUFFIXES)})") from error


def demonstration_pictures(
    source: Path, profile: RobotProfile, episode: int
) -> tuple[list[tuple[str, np.ndarray]], str]:
    """Names and pictures [H, W, 3] uint8 of a demonstration, a model step apart, and what was made of it, for people.

    source: a video, a bag, or a folder of pictures that are a model step apart. Raises GoalError.
    """
    apart = f"{profile.model_dt:g} s apart"
    try:
        if source.is_dir() and _holds_pictures(source):
            pictures = read_pictures(source)
            said = f"{len(pictures)} pictures, taken as {apart}"
        else:
            frames, stamps = _episode(source, profile, episode)
            wanted = np.arange(stamps[0], stamps[-1] + 1, round(profile.model_dt * 1e9))
            chosen = np.unique([*np.abs(stamps[:, None] - wanted).argmin(axis=0), len(stamps) - 1])
            pictures = [(_named(stamps[index] - stamps[0]), np.array(frames[index])) for index in chosen]
            said = f"{len(pictures)} of {len(frames)} frames, {apart}"
    except ImageError as error:
        raise GoalError(str(error)) from error
    except RecordingError as error:
        raise GoalError(f"{error}. A demonstration is a video, a bag, or a folder of pictures") from error
    if not 2 <= len(pictures) <= MOST_FRAMES:
        raise GoalError(
            f"a demonstration has 2 to {MOST_FRAMES} frames, {apart}, and {source} has {len(pictures)}: choose a part "
            "of it"
        )
    return pictures, said


def write_pictures(pictures: list[tuple[str, np.ndarray]], folder: Path) -> None:
    """Write pictures [H, W, 3] as numbered PNG files into a folder, which is created; those of an earlier run go.

    Raises GoalError when the folder holds anything else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    earlier = set(folder.glob(WRITTEN))
    if others := sorted(path.name for path in set(folder.iterdir()) - earlier):
        raise GoalError(f"{folder} holds {others[0]}, which is not from here: give another --out")
    for old in earlier:
        old.unlink()
    for number, (name, picture) in enumerate(pictures, 1):
        path = folder / f"{number:03d}_{Path(name).stem}.png"
        if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
            raise GoalError(f"{path} cannot be written: is the disk full?")


def _of_each_camera(source: Path, profile: RobotProfile) -> list[tuple[str, np.ndarray]]:
    """The goals of a folder that has a folder for each camera, with a picture of every goal under the same name."""
    found = {camera.name: dict(read_pictures(source / camera.name)) for camera in profile.cameras}
    first = found[profile.camera.name]
    for name, pictures in found.items():
        if alone := sorted(pictures.keys() ^ first.keys()):
            raise GoalError(
                f"{source}: {alone[0]} is not in both {profile.camera.name}/ and {name}/: a goal is a picture of every "
                "camera, under the same name"
            )
    return [(name, joined([pictures[name] for pictures in found.values()])) for name in first]


def _checked(pictures: list[tuple[str, np.ndarray]], profile: RobotProfile) -> list[tuple[str, np.ndarray]]:
    for _, picture in pictures:
        split(picture, len(profile.cameras))  # says what is wrong with it
    return pictures


def _holds_pictures(folder: Path) -> bool:
    files = list(folder.iterdir())
    if not files:
        raise GoalError(f"{folder} is empty: put goal pictures into it ({', '.join(SUFFIXES)})")
    return any(file.suffix.lower() in SUFFIXES for file in files)


def _of_recording(
    source: Path, profile: RobotProfile, spacing: Spacing
) -> tuple[list[tuple[str, np.ndarray]], str]:
    import torch

    from wm_ros.models.checkpoint import find_checkpoint, load_checkpoint

    folder = find_checkpoint(spacing.checkpoint, profile)
    model = load_checkpoint(folder)
    reached = spacing.reached or (model.card.reached and model.card.reached.distance)
    if not reached:
        raise GoalError(
            f"{folder} does not say at which distance a goal is reached: give --reached, or have it "
            "measured with `wm_ros calibrate`"
        )
    frames, stamps = _episode(source, profile, spacing.episode)
    with torch.inference_mode():
        places = [
            model.goal_distance.embed(model.encode(torch.from_numpy(frames[begin : begin + 128].copy())))
            for begin in range(0, len(frames), 128)
        ]
    chosen = subgoals(torch.cat(places).numpy(), spacing.times * reached)
    pictures = [(_named(stamps[index] - stamps[0]), np.array(frames[index])) for index in chosen]
    return pictures, f"{len(pictures)} of {len(frames)} frames, {spacing.times * reached:.2f} apart"


def _episode(source: Path, profile: RobotProfile, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames [F, H, W, 3] and stamps [F] ns of an episode."""
    recording = load_recording(source, profile)
    if number >= len(recording.episodes):
        raise GoalError(
            f"{source} has {len(recording.episodes)} episodes, counted from 0: there is no {number}"
        )
    episode = recording.episodes[number]
    return recording.frames[episode], recording.stamps_ns[episode]


def _named(after_ns: int) -> str:
    return f"{after_ns * 1e-9:.1f}s.png"
