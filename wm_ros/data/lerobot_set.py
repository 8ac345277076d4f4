"""A LeRobot dataset folder as its meta/ describes it, checked against a robot's profile."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wm_ros.data.file_kinds import well_known
from wm_ros.data.lerobot_names import component_names, places_of
from wm_ros.data.lerobot_pairing import Span
from wm_ros.data.lerobot_poses import CARTESIAN, EULER, QUATERNION, find_poses
from wm_ros.data.lerobot_tables import ACTION, STATE, read_table
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import RobotProfile

BY_EPISODE = ("v2.0", "v2.1")  # which differ in their statistics alone


@dataclass(frozen=True)
class Footage:
    """Where the pictures of an episode are: its video, None where they are in the tables, and its place in there.

    span: None where all of the video is this episode's.
    """

    video: Path | None
    span: Span | None = None


class LeRobotSet:
    """A dataset in LeRobot's layout v2.0 or v2.1 (files by episode) or v3.x (episodes joined in larger files).

    cameras: the features whose pictures are taken, one for each of the profile's. actions: the feature that actions
    are found in, the action or, where the profile says so, the state. columns: for each component of the profile, or of
    a pose, its place there, None where the set has no such feature. notes: what was assumed. Raises RecordingError when
    a part is missing, does not fit the profile, or is of another version.

    The camera is the one asked for, or that of the profile's `camera.topic` (`front` finds
    `observation.images.front`), or the only one there is. Several cameras are found by their names, or asked for with
    commas between. Action components are found by the profile's names; when
    the set does not have these but as many, they are taken in order, and a note says so.
    """

    def __init__(self, root: Path, profile: RobotProfile, camera: str | None = None) -> None:
        self.root = root
        self.notes: list[str] = []
        self.info = self._read_info()
        self.version = str(self.info["codebase_version"])
        self.by_episode = self.version in BY_EPISODE
        self.fps = float(self.info["fps"])
        self.cameras = self._cameras(profile, camera)
        kinds = {self.info["features"][name]["dtype"] for name in self.cameras}
        if len(kinds) > 1:
            raise RecordingError(
                f"{root}: of {', '.join(self.cameras)} some are videos and some pictures in tables, which is not read"
            )
        self.in_video = kinds == {"video"}
        self.actions = STATE if profile.actions_from == "states" else ACTION
        self.columns = self._pose_columns(profile) if profile.places_are_poses else self._columns(profile)

    def data_files(self) -> list[Path]:
        """The tables, in order of episodes."""
        files = sorted((self.root / "data").glob("*/*.parquet"))
        if not files:
            raise RecordingError(f"{self.root} has no data/*/*.parquet: was it downloaded whole?")
        return files

    def footage(self, camera: str) -> dict[int, Footage]:
        """Where a camera's pictures of each episode are, by its index."""
        try:
            return {row["episode_index"]: self._place(camera, row) for row in self._episodes()}
        except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError) as error:
            raise RecordingError(
                f"{self.root / 'meta'} does not say where the pictures of {camera} are: {error!r}"
            ) from error

    def _place(self, camera: str, row: dict[str, Any]) -> Footage:
        if not self.in_video:
            return Footage(None)
        number, template = row["episode_index"], self.info["video_path"]
        if self.by_episode:
            chunk = number // self.info.get("chunks_size", 1000)
            name = template.format(video_key=camera, episode_chunk=chunk, episode_index=number)
            return Footage(self.root / name)
        chunk, file, from_s, to_s = (row[column] for column in self._place_columns(camera))
        name = template.format(video_key=camera, chunk_index=int(chunk), file_index=int(file))
        span = Span(float(from_s), float(to_s), int(row["length"]))
        if not (math.isfinite(span.from_s) and math.isfinite(span.to_s) and span.length >= 0):
            raise ValueError(f"episode {number} from {from_s} to {to_s} s, of {span.length} rows")
        return Footage(self.root / name, span)

    def _place_columns(self, camera: str) -> list[str]:
        parts = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")
        return [f"videos/{camera}/{part}" for part in parts]

    def _read_info(self) -> dict[str, Any]:
        file = self.root / "meta" / "info.json"
        try:
            info = json.loads(file.read_text(encoding="utf-8"))
            version = str(info["codebase_version"])
            features, fps = info["features"], info["fps"]
        except (ValueError, KeyError, TypeError) as error:
            what = well_known(file) or f"does not describe a LeRobot dataset: {error!r}"
            raise RecordingError(f"{file} {what}") from error
        if version not in BY_EPISODE and not version.startswith("v3."):
            raise RecordingError(
                f"{self.root} is a LeRobot dataset of version {version}; {', '.join(BY_EPISODE)} and v3.x are read: "
                "convert it with LeRobot's own scripts"
            )
        if not isinstance(fps, (int, float)) or not 0 < fps < math.inf:
            raise RecordingError(f"{file}: fps must be above 0, got {fps!r}")
        if not isinstance(features, dict) or not all(map(_is_feature, features.values())):
            raise RecordingError(f"{file}: features must map each name to its dtype and shape")
        return info

    def _cameras(self, profile: RobotProfile, asked: str | None) -> tuple[str, ...]:
        if not profile.other_cameras:
            return (self._camera(asked or profile.camera.topic, asked=asked is not None),)
        names = [camera.name for camera in profile.cameras] if asked is None else asked.split(",")
        found = tuple(self._camera(name, asked=True) for name in names)
        if len(found) != len(profile.cameras) or len(set(found)) < len(found):
            raise RecordingError(
                f"{self.root}: robot {profile.name} has {len(profile.cameras)} cameras, and --camera {asked} names "
                f"{', '.join(found)}: name a feature for each, in the profile's order"
            )
        return found

    def _camera(self, name: str, asked: bool) -> str:
        cameras = [key for key, feature in self.info["features"].items() if _is_camera(feature)]
        suffix = "." + name.strip("/").replace("/", ".")
        found = [key for key in cameras if f".{key}".endswith(suffix)]
        if len(found) == 1:
            return found[0]
        if len(cameras) == 1 and not asked:
            return cameras[0]
        raise RecordingError(
            f"{self.root} has no camera {name!r}; it has {', '.join(cameras) or 'none'}: name one with --camera, or as "
            "camera.topic in the profile (several: --camera with commas, or the names of `cameras`)"
        )

    def _columns(self, profile: RobotProfile) -> list[int] | None:
        feature = self.info["features"].get(self.actions)
        if feature is None:
            self.notes.append(f"no {self.actions} in its features: its frames count as without commands")
            return None
        count, names = feature["shape"][0], component_names(feature)
        units = [part.unit if part.target is None else part.target.in_lerobot for part in profile.action]
        wanted = ", ".join(f"{name} ({unit})" for name, unit in zip(profile.names, units, strict=True))
        places = places_of(profile.names, names)
        if places is not None:
            if count > len(profile.action):
                self.notes.append(f"of its {self.actions} ({', '.join(names)}) only {wanted} is taken")
            taken = [names[place] for place in places]
            if taken != list(profile.names):
                self.notes.append(
                    f"{', '.join(taken)} of its {self.actions} are taken for {wanted}; LeRobot knows no units, and "
                    "other units would be taken for these"
                )
            return places
        if count != len(profile.action):
            raise RecordingError(
                f"{self.root}: {self.actions} has {count} components ({', '.join(names) or 'without names'}), profile "
                f"{profile.name} has {wanted}: give a profile with the components of this robot, named as here"
            )
        self.notes.append(
            f"its {self.actions} ({', '.join(names) or 'without names'}) is taken, in this order, for {wanted}; "
            "LeRobot knows no units, and other units would be taken for these"
        )
        return list(range(count))

    def _pose_columns(self, profile: RobotProfile) -> list[int] | None:
        found = find_poses(self.info["features"], self.actions)
        if found is None and not any(name.startswith(self.actions) for name in self.info["features"]):
            return self._columns(profile)
        if found is None:
            there = ", ".join(
                f"{name} ({', '.join(component_names(feature)) or 'without names'})"
                for name, feature in self.info["features"].items()
                if name.startswith((ACTION, STATE))
            )
            raise RecordingError(
                f"{self.root}: profile {profile.name} takes poses, found as {self.actions} or {self.actions}."
                f"{CARTESIAN} with components {', '.join(EULER)} (m, extrinsic xyz Euler angles in rad) or "
                f"{', '.join(QUATERNION)}; it has {there or 'neither'}. Give a profile of what is there, or, where the "
                "measured pose is, `model: {actions_from: states}`"
            )
        self.actions = found.name
        turns = "extrinsic xyz Euler angles in rad" if len(found.columns) == len(EULER) else "quaternions"
        self.notes.append(
            f"poses are those of {found.name}: m, and {turns}; LeRobot knows no units, and differences or other angles "
            "would be taken for these"
        )
        return found.columns

    def _episodes(self) -> Iterator[dict[str, Any]]:
        """Rows of the table of episodes; its statistics are left unread."""
        if not self.by_episode:
            columns = {"episode_index"}
            if self.in_video:
                places = [column for camera in self.cameras for column in self._place_columns(camera)]
                columns |= {"length", *places}
            for file in sorted((self.root / "meta" / "episodes").glob("*/*.parquet")):
                yield from read_table(file, columns).to_pylist()
            return
        file = self.root / "meta" / "episodes.jsonl"
        try:
            yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())
        except (OSError, ValueError) as error:
            raise RecordingError(f"{file} {well_known(file) or f'cannot be read: {error}'}") from error


def _is_feature(feature: Any) -> bool:
    return (
        isinstance(feature, dict)
        and isinstance(feature.get("dtype"), str)
        and isinstance(feature.get("shape"), list)
        and len(feature["shape"]) > 0
        and all(isinstance(size, int) for size in feature["shape"])
    )


def _is_camera(feature: dict[str, Any]) -> bool:
    info = feature.get("info") or feature.get("video_info")
    depth = isinstance(info, dict) and (info.get("video.is_depth_map") or info.get("is_depth_map"))
    return feature["dtype"] in ("video", "image") and not depth
