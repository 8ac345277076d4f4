"""Which ROS 2 this Python would use: a sourced one or wheels, never both.

Standard library only: the Makefile asks here before anything is installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from pathlib import Path

MARKER = Path("share/ament_index/resource_index/packages/rclpy")


class RosEnvironmentError(RuntimeError):
    """ROS 2 cannot be used from here; the message gives the reason and the fix."""


@dataclass(frozen=True)
class RosEnvironment:
    """What is in reach: a sourced prefix, rclpy's wheel and its site-packages, and the rclpy Python finds."""

    sourced: Path | None
    wheel_version: str | None
    wheel_folder: Path | None
    rclpy: Path | None

    def check_usable(self) -> None:
        """Raise when rclpy cannot be imported, or only by mixing two ROS 2."""
        if self.sourced and self.wheel_version:
            raise RosEnvironmentError(
                f"two ROS 2 in one environment: {self.sourced} is sourced and {self.wheel_folder} holds the "
                f"wheel ros-rclpy {self.wheel_version}. Each would load libraries of the other. Open a shell "
                "in which no ROS 2 is sourced, or leave this Python environment and run `make venv`: with a "
                "ROS 2 sourced it makes one without ROS wheels."
            )
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        if self.rclpy is None and self.sourced is None:
            raise RosEnvironmentError(
                "no ROS 2 in reach: source one (`. /opt/ros/<distro>/setup.bash`), or install the wheels "
                "(`make venv`, or `pip install 'wm_ros[ros]'`, on x86_64 Linux)"
            )
        # A sourced ROS 2 is on PYTHONPATH for every Python, also for those it was not built for.
        built_for = [part for part in self.rclpy.parts if part.startswith("python3.")] if self.rclpy else []
        if self.rclpy is None or (built_for and version not in built_for):
            raise RosEnvironmentError(
                f"the sourced ROS 2 in {self.sourced} has no rclpy for {version} ({sys.executable}); use the "
                "Python it was built for: `make venv PYTHON=/usr/bin/python3`"
            )


def find_ros(environ: Mapping[str, str] = os.environ, path: Sequence[str] | None = None) -> RosEnvironment:
    """Look at AMENT_PREFIX_PATH and at the import path (default `sys.path`); imports nothing."""
    path = list(sys.path if path is None else path)
    wheel = next(iter(distributions(name="ros-rclpy", path=path)), None)
    folder = Path(str(wheel.locate_file(""))).resolve() if wheel else None
    prefixes = [Path(entry) for entry in environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    sourced = [prefix for prefix in prefixes if (prefix / MARKER).is_file()]
    if folder:  # the wheels bring an ament index of their own, which may be on AMENT_PREFIX_PATH too
        sourced = [prefix for prefix in sourced if prefix.resolve() not in folder.parents]
    rclpy = PathFinder.find_spec("rclpy", path)
    return RosEnvironment(
        sourced=sourced[0] if sourced else None,
        wheel_version=wheel.version if wheel else None,
        wheel_folder=folder,
        rclpy=Path(rclpy.origin) if rclpy and rclpy.origin else None,
    )


def require_ros() -> None:
    """Raise RosEnvironmentError unless exactly one ROS 2 can be used; call it before importing rclpy."""
    find_ros().check_usable()


def main() -> int:
    """Print the sourced ROS 2's folder, if any; 1 and the reason when this Python cannot use it."""
    ros = find_ros()
    try:
        if ros.sourced:
            ros.check_usable()
    except RosEnvironmentError as error:
        print(error, file=sys.stderr)
        return 1
    print(ros.sourced or "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
