"""One door for recorded data: bags, videos, LeRobot datasets and NWM trajectories, in any mix, become one recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from wm_ros.data.bag_messages import STORAGE_SUFFIXES
from wm_ros.data.bags import BagSource
from wm_ros.data.collector import Collector
from wm_ros.data.file_kinds import well_known
from wm_ros.data.frame_cache import FrameCache
from wm_ros.data.nwm import NwmSource, trajectory_folders
from wm_ros.data.recording import Recording, RecordingError
from wm_ros.robots.profile import RobotProfile

# How video files begin, whatever they are called: (offset, bytes).
VIDEO_MAGIC = (
    (4, b"ftyp"),  # mp4, mov, m4v, 3gp
    (4, b"moov"),
    (0, b"\x1aE\xdf\xa3"),  # mkv, webm
    (8, b"AVI "),
    (0, b"\x00\x00\x01\xba"),  # mpg
    (0, b"\x00\x00\x01\xb3"),
    (0, b"G@"),  # ts
    (0, b"OggS"),
    (0, b"FLV"),
    (0, b"0&\xb2u"),  # wmv
)
ACCEPTED = (
    "a rosbag2 folder, an .mcap or .db3 file, a video, a folder of videos, a LeRobot dataset (meta/info.json), or "
    "trajectories in NWM's layout (traj_data.pkl)"
)


class Source(Protocol):
    """What all kinds of sources do; `frame_count` is 0 where unknown."""

    frame_count: int

    def sizes(self) -> set[tuple[int, int]]:
        """Height and width of its pictures."""

    def read(self, collector: Collector) -> None:
        """Hand over what it holds."""


def load_recording(
    paths: str | Path | Sequence[str | Path],
    profile: RobotProfile,
    cache_dir: str | Path | None = None,
    frame_size: int | None = None,
    camera: str | None = None,
    stamps: str = "header",
    command: str | None = None,
) -> Recording:
    """Read bags, videos, LeRobot datasets and NWM trajectories into one recording.

    Frames go to a file that vanishes with it. An episode begins with each source, at each message on a bag's `episode`
    topic, after a gap of more than 3 camera periods, and where stamps go backwards. Frames that cannot be decoded and
    commands that are not finite are left out and counted in the notes. Raises RecordingError when a path is nothing of
    the kind, there is no camera, its resolution changes within a source, commands cannot be laid beside the frames, or
    the disk is too small.

    Frames stay as recorded when all sources have one resolution and no frame_size is given. Otherwise they are cropped
    to the centre square, as encoders do, and shrunk to frame_size or, if that is less, to the smallest of all.

    cache_dir: folder of the file of frames (default: the system's for temporary files, see TMPDIR). camera: topic of
    bags and camera of LeRobot datasets (default: the profile's `camera.topic`). stamps: what dates the messages of
    bags, their `header` or the recorder's `log`. command: topic of bags whose messages are the actions (default: the
    profile's `command.topic`).
    """
    paths = [paths] if isinstance(paths, (str, Path)) else list(paths)
    if not paths:
        raise RecordingError(f"no recording given: it can be {ACCEPTED}")
    sources = [_source(Path(path), profile, camera, stamps, command) for path in paths]
    side, note = _common_side(sources, frame_size)
    notes = [*_without_use(sources, camera, command), *([] if note is None else [note])]
    counts = [source.frame_count for source in sources]
    with FrameCache(cache_dir, sum(counts) if all(counts) else 0) as cache:
        collector = Collector(profile, cache, side)
        for source in sources:
            source.read(collector)
        recording = collector.recording()
    return replace(recording, notes=(*notes, *recording.notes))


def _source(
    path: Path, profile: RobotProfile, camera: str | None, stamps: str, command: str | None
) -> Source:
    if not path.exists():
        raise RecordingError(f"no recording at {path}")
    if (path / "meta" / "info.json").is_file():
        from wm_ros.data.lerobot import LeRobotSource

        return LeRobotSource(path, profile, camera)
    if folders := trajectory_folders(path):
        _require_one_camera(path, profile, "trajectories")
        return NwmSource(path.resolve().name, folders, profile)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    if (path / "metadata.yaml").is_file() or any(file.suffix in STORAGE_SUFFIXES for file in files):
        return BagSource(path, profile, stamps, camera, command)
    videos = [file for file in files if file.is_file() and _is_video(file)]
    if not videos:
        known = next((f"{file} {what}" for file in files if (what := well_known(file))), "")
        raise RecordingError(f"{path} is no recording: {known or f'its content is not that of {ACCEPTED}'}")
    _require_one_camera(path, profile, "videos")
    from wm_ros.data.videos import VideoSource

    return VideoSource(path.resolve().name, videos)


def _require_one_camera(path: Path, profile: RobotProfile, what: str) -> None:
    if profile.other_cameras:
        names = ", ".join(camera.name for camera in profile.cameras)
        raise RecordingError(
            f"{path} holds {what}, of one camera each, and robot {profile.name} has {len(profile.cameras)} ({names}): "
            "give bags or a LeRobot dataset with all of them, or a profile with an entry `camera`"
        )


def _without_use(sources: Sequence[Source], camera: str | None, command: str | None) -> list[str]:
    """What to say of options that none of the sources has a use for."""
    notes = []
    if camera is not None:
        from wm_ros.data.videos import VideoSource

        if all(isinstance(source, (VideoSource, NwmSource)) for source in sources):
            notes.append(f"--camera {camera} is not used: videos and NWM trajectories have one camera each")
    if command is not None and not any(isinstance(source, BagSource) for source in sources):
        notes.append(f"--command {command} is not used: it names a topic of bags, and here is none")
    return notes


def _is_video(file: Path) -> bool:
    with file.open("rb") as stream:
        head = stream.read(16)
    return any(head[offset:].startswith(magic) for offset, magic in VIDEO_MAGIC)


def _common_side(sources: Sequence[Source], frame_size: int | None) -> tuple[int | None, str | None]:
    """Pixels of the square that all frames are brought to, None where they stay as they are; and what to say of it."""
    sizes = set().union(*(source.sizes() for source in sources))
    if not sizes or (frame_size is None and len(sizes) == 1):
        return None, None
    side = min(frame_size or min(map(min, sizes)), *map(min, sizes))
    if sizes == {(side, side)}:
        return None, None
    listed = ", ".join(f"{width}x{height}" for height, width in sorted(sizes))
    return side, f"frames of {listed} are cropped to the centre square and shrunk to {side}x{side}"
