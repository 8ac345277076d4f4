"""Bags to one LeRobot dataset: rows at an even rate, each with a picture, the action until the next, and the state."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_series import Series, read_places, read_states
from wm_ros.data.lerobot_meta import SetContent
from wm_ros.data.lerobot_writer import LeRobotWriter, require_free
from wm_ros.data.load import load_recording
from wm_ros.data.recording import Recording, RecordingError
from wm_ros.data.ticks import even_ticks
from wm_ros.data.verdict import beyond_limits
from wm_ros.robots.profile import RobotProfile

NO_TASK = "no task was named"
# A state that is older or younger than this is not that of the row.
STATE_WITHIN_S = 0.5


@dataclass(frozen=True)
class ExportOptions:
    """fps: rows a second, None for the camera's rate, rounded. task: what the robot is to do, in words, if it is known.

    stamps, frame_size and cache_dir are those of `load_recording`.
    """

    fps: int | None = None
    task: str | None = None
    stamps: str = "header"
    frame_size: int | None = None
    cache_dir: Path | None = None


def export_lerobot(
    bags: Sequence[Path],
    profile: RobotProfile,
    out: Path,
    options: ExportOptions,
    progress: Callable[[float], None] = lambda share: None,
) -> list[str]:
    """Write the episodes of bags that have commands as a LeRobot dataset, and return what people should know of it.

    The action of a row is the mean command until the next row, as float32 in the profile's units; of a robot that is
    told positions it is the target, counted as LeRobot does. The state is the one measured nearest to the row. Where
    the camera dropped frames, the one before is shown again. Episodes without commands, or without a state where the
    first bag has states, are left out. Raises RecordingError when a bag cannot be read, or nothing remains to write.

    progress: called with the share that is done.
    """
    require_free(out)
    notes: list[str] = []
    with ExitStack() as stack:
        writer: LeRobotWriter | None = None
        for number, path in enumerate(bags):
            begun = partial(_within, progress, number, len(bags))
            bag = Bag(path)
            states, of_states = read_states(bag, profile, options.stamps)
            places, of_places = read_places(bag, profile, options.stamps)
            recording = load_recording(
                path, profile, options.cache_dir, options.frame_size, stamps=options.stamps
            )
            notes += [
                *recording.notes,
                *(
                    f"{path.name}: {text}"
                    for text in (of_states, of_places, beyond_limits(recording))
                    if text
                ),
            ]
            if places is not None:
                units = ", ".join(dict.fromkeys(places.units))
                notes.append(f"{path.name}: written as the positions themselves, in {units}")
            if writer is None:
                content = _content(path, profile, recording, states, options)
                writer = stack.enter_context(LeRobotWriter(out, content))
            added = _add(writer, recording, states, places, begun)
            notes += [f"{path.name}: {text}" for text in added]
        if writer is None or not writer.episodes:
            raise RecordingError(f"no episode can be written to {out}: {'; '.join(notes)}")
    return notes


def _within(progress: Callable[[float], None], number: int, count: int, share: float) -> None:
    progress((number + share) / count)


def bag_beside(out: Path) -> Path:
    """The bag that is recorded for a new set; RecordingError where the set, or the rest of one, is."""
    require_free(out)
    return out.with_name(out.name + ".bag")


def replace_bag(bag: Path, profile: RobotProfile, out: Path, options: ExportOptions) -> list[str]:
    """Export a bag and remove it; it stays, and the error says so, when that fails."""
    try:
        notes = export_lerobot([bag], profile, out, options)
    except RecordingError as error:
        raise RecordingError(
            f"{error}. What was recorded is in the bag {bag}, and `wm_ros export {bag} --out {out}` can try again"
        ) from error
    shutil.rmtree(bag)
    return notes


def _content(
    path: Path, profile: RobotProfile, recording: Recording, states: Series | None, options: ExportOptions
) -> SetContent:
    rate_hz = recording.camera_rate_hz  # NaN where no episode has two frames
    fps = options.fps or (round(rate_hz) if rate_hz > 0.0 else 0)
    if fps < 1:
        raise RecordingError(
            f"{path}: a set needs a whole number of rows a second, and the camera's rate is {rate_hz:.3g} Hz: name one "
            "with --fps"
        )
    return SetContent(
        robot=profile.name,
        fps=fps,
        cameras=tuple(camera.name or camera.topic.strip("/").replace("/", ".") for camera in profile.cameras),
        action=_described_action(profile),
        state=() if states is None else tuple(zip(states.names, states.units, strict=True)),
        task=options.task or NO_TASK,
    )


def _described_action(profile: RobotProfile) -> tuple[tuple[str, str], ...]:
    takes_positions = profile.kind == "position"
    units = [part.required_target.in_lerobot if takes_positions else part.unit for part in profile.action]
    return tuple(zip(profile.names, units, strict=True))


def _actions(
    recording: Recording, places: Series | None, ticks_ns: np.ndarray, fps: int
) -> np.ndarray | None:
    """What the robot was told at each row [R, A]; None where that is a target, and the episode has none."""
    period_ns = round(1e9 / fps)
    if recording.profile.kind == "position":
        hold_ns = round(recording.profile.command.timeout_s * 1e9)
        since_ns, until_ns = int(ticks_ns[0]) - hold_ns, int(ticks_ns[-1]) + period_ns
        return None if places is None else places.between(ticks_ns, since_ns, until_ns)
    if recording.commands is None:
        return None
    return recording.commands.mean(ticks_ns, np.append(ticks_ns[1:], ticks_ns[-1] + period_ns))


def _add(
    writer: LeRobotWriter,
    recording: Recording,
    states: Series | None,
    places: Series | None,
    progress: Callable[[float], None],
) -> list[str]:
    """Write the episodes of a recording that are whole, and return what to say of the others."""
    left_out: Counter[str] = Counter()
    repeated = unused = 0
    for index, episode in enumerate(recording.episodes):
        progress(index / len(recording.episodes))
        if recording.commands is None or index in recording.unlabelled:
            left_out["without commands"] += 1
            continue
        ticks = even_ticks(recording.stamps_ns[episode], writer.content.fps)
        if len(ticks.stamps_ns) < 2:
            left_out["of a single row"] += 1
            continue
        state = None
        if writer.content.state:
            state = None if states is None else states.nearest(ticks.stamps_ns, STATE_WITHIN_S)
            if state is None:
                left_out[f"with rows whose state is not known within {STATE_WITHIN_S:g} s"] += 1
                continue
        actions = _actions(recording, places, ticks.stamps_ns, writer.content.fps)
        if actions is None:
            left_out["without targets"] += 1
            continue
        writer.add_episode(
            (recording.frames[episode.start + frame] for frame in ticks.frames), actions, state
        )
        repeated, unused = repeated + ticks.repeated, unused + ticks.unused
    notes = [f"left out {count} episodes {what}" for what, count in left_out.items()]
    if repeated or unused:
        notes.append(
            f"laid on an even {writer.content.fps} Hz: {repeated} rows show the frame before again, and {unused} "
            "frames are not used"
        )
    return notes
