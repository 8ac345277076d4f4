"""Node executables as child processes, with a time limit and their output in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from patience import LIMIT_S, WAIT_S

from wm_ros.runs.ros_domain import free_domain

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def private_domain() -> Iterator[int]:
    """A ROS domain no other test run on this machine uses, for this process and its children."""
    with free_domain() as number, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(number))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        yield number


class Child:
    """One running executable. `timeout` runs it and would kill it should the test forget to."""

    def __init__(self, name: str, command: list[str], folder: Path):
        self.name = name
        self.log_path = folder / f"{name}.log"
        folders = (str(REPOSITORY), str(REPOSITORY / "test" / "harness"), os.environ.get("PYTHONPATH"))
        path = os.pathsep.join(filter(None, folders))
        with self.log_path.open("wb") as log:
            self._timeout = subprocess.Popen(
                ["timeout", "-k", "5", str(LIMIT_S), *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": path, "ROS_LOG_DIR": str(folder / "ros_logs")},
            )

    @property
    def pid(self) -> int:
        """Process id of the executable itself, for SIGSTOP and SIGKILL."""
        children = Path(f"/proc/{self._timeout.pid}/task/{self._timeout.pid}/children").read_text().split()
        assert children, f"{self.name} has ended:\n{self.log()}"
        return int(children[0])

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def running(self) -> bool:
        return self._timeout.poll() is None

    def wait(self, timeout_s: float = WAIT_S) -> int:
        """The exit code, once it has ended."""
        return self._timeout.wait(timeout_s)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def close(self) -> None:
        if self.running():
            self._timeout.terminate()  # passed on to the executable, which `timeout` kills 5 s later
            self._timeout.wait()


class Processes:
    """Starts node modules as the installed executables would."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._children: list[Child] = []

    def start(
        self,
        module: str,
        parameters: Mapping[str, Any] | None = None,
        *arguments: str,
    ) -> Child:
        """`python -m module --ros-args -p name:=value ...`; remappings and files go to `arguments`."""
        ros_arguments = []
        for name, value in (parameters or {}).items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            ros_arguments += ["-p", f"{name}:={text}"]
        command = [sys.executable, "-m", module, "--ros-args", *ros_arguments, *arguments]
        name = f"{len(self._children)}_{module.rsplit('.', 1)[-1]}"
        child = Child(name, command, self.folder)
        self._children.append(child)
        return child

    def close(self) -> None:
        for child in self._children:
            child.close()


def nodes_of(process: Any) -> dict[str, int]:
    """Process ids of the nodes that a command's process has started, by node."""
    found: dict[str, int] = {}
    for number in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        arguments = Path(f"/proc/{number}/cmdline").read_text().split("\0")
        found |= {
            word.rpartition(".")[2]: int(number) for word in arguments if word.startswith("wm_ros.nodes.")
        }
    return found


def gone(number: int) -> bool:
    """Whether there is no such process any more."""
    return not Path(f"/proc/{number}").exists()
