"""Trajectories in the layout of NWM, GNM, ViNT and NoMaD: a folder each, with 0.jpg, 1.jpg ... and traj_data.pkl.

Their `process_recon.py` and `process_bags.py` (github.com/robodhruv/visualnav-transformer, which github.com/
facebookresearch/nwm takes over) write `position` [T, 2] in m and `yaw` [T] in rad of a base, one for each picture, and
no times. Frames are 1/4 s apart: `process_bags.py` samples at 4 Hz unless told otherwise, and NWM (arXiv 2412.03572)
speaks of 4 frames a second. In RECON two neighbouring ones are .25 m apart on average (`metric_waypoint_spacing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wm_ros.data.array_pickle import ForeignPickleError, read_arrays
from wm_ros.data.collector import Collector
from wm_ros.data.recording import RecordingError, Topics
from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import read_picture
from wm_ros.robots.planar import between, twist_components
from wm_ros.robots.profile import RobotProfile

POSES = "traj_data.pkl"
RATE_HZ = 4.0
NOTICED_M = 0.005  # of motion sideways in a step, in the mean, that a profile cannot say


@dataclass(frozen=True)
class _Trajectory:
    """Poses [T, 3] of a folder (x and y in m, yaw in rad), NaN where one is not finite; its pictures by number."""

    poses: np.ndarray
    pictures: dict[int, Path]


def trajectory_folders(path: Path) -> list[Path]:
    """The folders of trajectories that a path means: itself, or those in it; none where it is of another kind."""
    if (path / POSES).is_file():
        return [path]
    return sorted(file.parent for file in path.glob(f"*/{POSES}"))


class NwmSource:
    """Folders of trajectories; each is an episode. The command of a frame leads from its pose to the next frame's.

    It is the twist that, held for 1/4 s, makes this motion exactly: an arc. Of a robot that takes no twist in the plane
    the frames count as without commands. Trajectories that cannot be read are left out and noted; a traj_data.pkl that
    names anything but arrays is refused.
    """

    def __init__(self, name: str, folders: Sequence[Path], profile: RobotProfile) -> None:
        self._name, self._components = name, twist_components(profile)
        self._profile = profile
        self._trajectories: list[_Trajectory] = []
        self._refused: list[str] = []
        for folder in folders:
            try:
                self._trajectories.append(_read(folder))
            except ForeignPickleError:
                raise
            except RecordingError as error:
                self._refused.append(str(error))
        if not self._trajectories:
            raise RecordingError(self._refused[0])
        self.frame_count = sum(len(trajectory.pictures) for trajectory in self._trajectories)

    def sizes(self) -> set[tuple[int, int]]:
        """Height and width of the first picture of each trajectory."""
        found = set()
        for trajectory in self._trajectories:
            try:
                found.add(read_picture(next(iter(trajectory.pictures.values()))).shape[:2])
            except ImageError:
                continue  # `read` counts it
        return {(height, width) for height, width in found}

    def read(self, collector: Collector) -> None:
        """Hand over all trajectories, one after the other."""
        topics = Topics("the jpg files", POSES if self._components else None)
        sideways: list[np.ndarray] = []
        for trajectory in self._trajectories:
            with collector.source(self._name, "NWM trajectories", bool(self._components), topics):
                motions = between(trajectory.poses[:-1], trajectory.poses[1:])
                sideways.append(motions[:, 1])
                self._tell(collector, motions)
                for number, path in trajectory.pictures.items():
                    place = trajectory.poses[number]
                    try:
                        picture = read_picture(path)
                    except ImageError:
                        collector.lose("pictures that cannot be read")
                        continue
                    if np.isfinite(place).all():
                        collector.frame(_stamp_ns(number), picture, place)
                    else:
                        collector.lose("frames whose pose is not finite")
        self._say(collector, np.concatenate(sideways))

    def _tell(self, collector: Collector, motions: np.ndarray) -> None:
        for number, motion in enumerate(motions if self._components else ()):
            if np.isfinite(motion).all():
                rates = motion[list(self._components.values())] * RATE_HZ
                collector.command(_stamp_ns(number), rates, 1.0 / RATE_HZ)

    def _say(self, collector: Collector, sideways: np.ndarray) -> None:
        collector.note(f"the layout tells no times: frames are taken to be {1.0 / RATE_HZ:g} s apart")
        if not self._components:
            collector.note(
                f"it holds poses of a base, and profile {self._profile.name} takes no twist in the plane: its frames "
                "count as without commands (config/robots/recon.yaml reads them)"
            )
        else:
            collector.note("commands are the differences of its poses, over the time in between")
            known = np.abs(sideways[np.isfinite(sideways)])
            mean_m = float(known.mean()) if len(known) else 0.0
            if 1 not in self._components.values() and mean_m > NOTICED_M:
                collector.note(
                    f"it moves sideways by {mean_m:.3f} m a frame on average, which profile {self._profile.name} "
                    "cannot say: that is left out of the commands"
                )
        for text in self._refused:
            collector.note(f"left out: {text}")


def _read(folder: Path) -> _Trajectory:
    file = folder / POSES
    arrays = read_arrays(file)
    if missing := [name for name in ("position", "yaw") if name not in arrays]:
        raise RecordingError(
            f"{file} has {', '.join(arrays) or 'no entries'} and lacks {' and '.join(missing)}: it must hold position "
            "[T, 2] and yaw [T], as visualnav-transformer's process_recon.py writes them"
        )
    position, yaw = (arrays[name].astype(np.float64) for name in ("position", "yaw"))
    yaw = yaw.reshape(-1) if yaw.ndim == 2 and yaw.shape[1] == 1 else yaw
    if position.ndim != 2 or position.shape[1] < 2 or yaw.shape != position.shape[:1]:
        raise RecordingError(
            f"{file}: position {list(position.shape)} and yaw {list(yaw.shape)} must be [T, 2] in m and [T] in rad"
        )
    poses = np.concatenate([position[:, :2], yaw[:, None]], axis=1)
    numbers = sorted(int(path.stem) for path in folder.glob("*.jpg") if path.stem.isdecimal())
    pictures = {number: folder / f"{number}.jpg" for number in numbers if number < len(poses)}
    if len(pictures) < 2:
        raise RecordingError(
            f"{folder} has {len(numbers)} pictures 0.jpg, 1.jpg ... for {len(poses)} poses: was it copied whole?"
        )
    return _Trajectory(poses, pictures)


def _stamp_ns(number: int) -> int:
    return round(number * 1e9 / RATE_HZ)
