"""A recording as one small file that travels to a machine without the libraries that read bags."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from wm_ros.data.recording import Commands, Recording, RecordingError
from wm_ros.robots.profile import ProfileError, profile_from_dict

ROOM = 0.97  # of the limit that the next try aims at: episodes differ


def pack(recording: Recording, path: Path, most_mb: float) -> int:
    """Write frames, stamps, episodes, commands and profile to an .npz file; returns how many episodes are in it.

    As many as fit into so many megabytes, from the first on. Frames are kept as differences from the one before, which
    compress well. Raises RecordingError when not even two fit, or there are no commands.
    """
    if recording.commands is None or recording.unlabelled:
        raise RecordingError("a recording is packed with its commands, and some of this one's are not known")
    count = len(recording.episodes)
    while count >= 2:
        content = _packed(recording, count)
        if len(content) <= most_mb * 1e6:
            path.write_bytes(content)
            return count
        count = min(count - 1, int(ROOM * count * most_mb * 1e6 / len(content)))
    raise RecordingError(f"two episodes take more than {most_mb:g} MB: shrink the frames with --frame-size")


def unpack(path: Path) -> Recording:
    """The recording in a file that `pack` wrote, in memory; RecordingError when it is something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
        profile = profile_from_dict(json.loads(str(data["profile"])))
        frames = np.cumsum(data["differences"], axis=0, dtype=np.uint8)
        commands = Commands(data["command_stamps_ns"], data["vectors"], data["timeout_s"])
        episodes = tuple(slice(int(start), int(stop)) for start, stop in data["episodes"])
        stamps_ns = data["stamps_ns"]
    except (OSError, KeyError, ValueError, EOFError, ProfileError) as error:
        raise RecordingError(
            f"{path} is no packed recording ({error}): make one with `wm_ros bench pack`"
        ) from error
    return Recording(profile, frames, stamps_ns, episodes, commands, sources=(path.name,))


def _packed(recording: Recording, count: int) -> bytes:
    """The file of the first so many episodes."""
    episodes, commands = recording.episodes[:count], recording.commands
    assert commands is not None
    end = max(episode.stop for episode in episodes)
    frames, stamps_ns = np.asarray(recording.frames[:end]), recording.stamps_ns[:end]
    told = commands.stamps_ns <= stamps_ns.max()
    timeout_s = np.broadcast_to(commands.timeout_s, commands.stamps_ns.shape)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        profile=np.array(json.dumps(recording.profile.to_dict())),
        differences=np.diff(frames, axis=0, prepend=np.zeros_like(frames[:1])),
        stamps_ns=stamps_ns,
        episodes=np.array([(episode.start, episode.stop) for episode in episodes]),
        command_stamps_ns=commands.stamps_ns[told],
        vectors=commands.vectors[told],
        timeout_s=timeout_s[told],
    )
    return file.getvalue()
