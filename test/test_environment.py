"""Which ROS 2 is in reach is told from folders and variables alone, so fake installations serve as well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wm_ros.environment import MARKER, RosEnvironmentError, find_ros

ROOT = Path(__file__).parents[1]
THIS_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def sourced_ros(
    folder: Path, python: str = THIS_PYTHON, lib: str = "lib"
) -> tuple[dict[str, str], list[str]]:
    """A ROS 2 as setup.bash leaves it: AMENT_PREFIX_PATH and the entry of PYTHONPATH."""
    (folder / MARKER).parent.mkdir(parents=True)
    (folder / MARKER).touch()
    packages = folder / lib / python / "site-packages"
    (packages / "rclpy").mkdir(parents=True)
    (packages / "rclpy" / "__init__.py").touch()
    return {"AMENT_PREFIX_PATH": f"/workspace/install{os.pathsep}{folder}"}, [str(packages)]


def wheel_ros(folder: Path) -> list[str]:
    """An environment with the wheels: metadata, package, and the ament index they bring."""
    packages = folder / "lib" / THIS_PYTHON / "site-packages"
    metadata = packages / "ros_rclpy-9.1.2.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: ros-rclpy\nVersion: 9.1.2\n")
    (packages / "rclpy").mkdir()
    (packages / "rclpy" / "__init__.py").touch()
    (folder / MARKER).parent.mkdir(parents=True)
    (folder / MARKER).touch()
    return [str(packages)]


@pytest.mark.parametrize("lib", ["lib", "local/lib"])
def test_a_sourced_ros_is_used(tmp_path, lib):
    environ, path = sourced_ros(tmp_path, lib=lib)
    ros = find_ros(environ, path)
    assert (ros.sourced, ros.wheel_version) == (tmp_path, None)
    ros.check_usable()


def test_wheels_are_used(tmp_path):
    ros = find_ros({}, wheel_ros(tmp_path))
    assert (ros.sourced, ros.wheel_version) == (None, "9.1.2")
    ros.check_usable()


def test_a_workspace_over_wheels_is_no_mix(tmp_path):
    path = wheel_ros(tmp_path)
    find_ros({"AMENT_PREFIX_PATH": f"/workspace/install{os.pathsep}{tmp_path}"}, path).check_usable()


def test_sourced_ros_and_wheels_are_refused_with_both_places(tmp_path):
    environ, path = sourced_ros(tmp_path / "opt")
    ros = find_ros(environ, [*path, *wheel_ros(tmp_path / "venv")])
    with pytest.raises(RosEnvironmentError, match=r"two ROS 2 .*make venv") as error:
        ros.check_usable()
    assert str(tmp_path / "opt") in str(error.value)
    assert str(tmp_path / "venv") in str(error.value)


def test_ros_of_another_python_is_refused_by_name(tmp_path):
    environ, path = sourced_ros(tmp_path, python="python3.7")
    with pytest.raises(RosEnvironmentError, match=f"no rclpy for {THIS_PYTHON} .*PYTHON="):
        find_ros(environ, path).check_usable()


def test_no_ros_says_how_to_get_one(tmp_path):
    with pytest.raises(RosEnvironmentError, match=r"source one .*make venv"):
        find_ros({}, [str(tmp_path)]).check_usable()


def test_command_names_the_sourced_ros_and_fails_on_a_mix(tmp_path):
    """The Makefile's view: standard output is the prefix, the exit code says mixed."""

    def ask(environ: dict[str, str], path: list[str]) -> subprocess.CompletedProcess:
        return subprocess.run(
            # -S keeps the packages of this test's own environment out of sight.
            [sys.executable, "-S", "-m", "wm_ros.environment"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path), **environ},
            capture_output=True,
            text=True,
        )

    environ, path = sourced_ros(tmp_path / "opt")
    sourced = ask(environ, path)
    assert (sourced.returncode, sourced.stdout.strip()) == (0, str(tmp_path / "opt"))

    wheels = wheel_ros(tmp_path / "venv")
    alone = ask({}, wheels)
    assert (alone.returncode, alone.stdout.strip()) == (0, "")

    mixed = ask(environ, [*path, *wheels])
    assert mixed.returncode == 1
    assert "two ROS 2" in mixed.stderr
    assert not mixed.stdout


@pytest.mark.parametrize("command", [["demo"], ["record"]])
def test_commands_that_start_ros_refuse_a_mix(tmp_path, command):
    environ, path = sourced_ros(tmp_path / "opt")
    path += wheel_ros(tmp_path / "venv")
    done = subprocess.run(
        [sys.executable, "-m", "wm_ros.cli", *command, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), **environ},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "two ROS 2" in done.stderr
    assert "Traceback" not in done.stderr
