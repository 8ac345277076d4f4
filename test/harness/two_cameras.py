"""A robot with two cameras that have noise: its profile, and both cameras as drivers, each to be broken by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from camera_harness import Camera, image_message, picture
from ros_harness import Ros

from wm_ros.robots.profile import RobotProfile, load_profile

NAMES = ("top", "side")
PERIOD_S = 0.05


def two_cameras(noise: bool = True, **changes: Any) -> RobotProfile:
    """The arm of two cameras, as a real one would be: no two pictures are the same."""
    profile = load_profile("arm_two_cameras")
    first, second = (replace(camera, noise=noise) for camera in profile.cameras)
    return replace(profile, camera=first, other_cameras=(second,), **changes)


def profile_file(folder: Path, profile: RobotProfile) -> str:
    """The profile as a file, for nodes."""
    path = folder / "two_cameras.yaml"
    path.write_text(yaml.safe_dump(profile.to_dict(), sort_keys=False))
    return str(path)


class TwoCameras:
    """Both show another picture 20 times a second, at one stamp.

    broken: by camera; `dead` shows nothing, `frozen` the same picture with new stamps, seconds are added to stamps.
    """

    def __init__(self, ros: Ros, profile: RobotProfile):
        self._ros = ros
        self._cameras = {camera.name: Camera(ros, camera.topic) for camera in profile.cameras}
        self.broken: dict[str, str | float] = {}
        self._number = 0
        self._shown = dict.fromkeys(self._cameras, 0)
        self._timer = ros.node.create_timer(PERIOD_S, self.send)

    def stop(self) -> None:
        """Nothing more by itself."""
        self._ros.node.destroy_timer(self._timer)

    def send(self, stamp_ns: int | None = None) -> int:
        """The next picture of each camera; returns the stamp."""
        self._number += 1
        if stamp_ns is None:
            stamp_ns = self._ros.node.get_clock().now().nanoseconds
        for index, (name, camera) in enumerate(self._cameras.items()):
            fault = self.broken.get(name)
            if fault == "dead":
                continue
            if fault != "frozen":
                self._shown[name] = 1000 * index + self._number
            late_ns = round(fault * 1e9) if isinstance(fault, float) else 0
            camera.publish(image_message(picture(self._shown[name]), stamp_ns + late_ns))
        return stamp_ns
