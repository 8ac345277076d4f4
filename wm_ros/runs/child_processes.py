"""Node executables as child processes of a command, watched while it runs and stopped in order at its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from wm_ros.resources import share_dir
from wm_ros.ros.graph_client import NodeError
from wm_ros.ros.process import PARENT

STOP_S = 8.0  # the guard ramps down and holds zeros for a second before it leaves
LOG_LINES = 15


class ChildProcesses:
    """A context manager: nodes started in it are stopped with SIGINT, last first, when it ends.

    They get process groups of their own, so that Ctrl-C reaches only the command, which stops the robot first. When the
    command itself is killed, they end in order.
    log_dir: folder for what each node prints. parameter_file: what all nodes read first (default: config/arm.yaml).
    """

    def __init__(self, log_dir: Path, parameter_file: Path | None = None) -> None:
        self._log_dir = log_dir
        self._parameter_file = parameter_file or share_dir() / "config" / "arm.yaml"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> ChildProcesses:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self._running.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(
        self, node: str, parameters: Mapping[str, object], remappings: Mapping[str, str] | None = None
    ) -> None:
        """Start `wm_ros.nodes.<node>` with the parameter file, as launch files do, and these parameters."""
        command = [sys.executable, "-m", f"wm_ros.nodes.{node}", "--ros-args"]
        command += ["--params-file", str(self._parameter_file)]
        for topic, other in (remappings or {}).items():
            command += ["-r", f"{topic}:={other}"]
        for name, value in parameters.items():
            # JSON is YAML, and keeps texts such as 007 from becoming numbers.
            command += ["-p", f"{name}:={json.dumps(value)}"]
        with self._log_path(node).open("wb") as log:
            self._running[node] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", PARENT: str(os.getpid())},
            )

    def check(self) -> None:
        """Raise NodeError when one of the nodes has ended."""
        for node, process in self._running.items():
            if process.poll() is not None:
                raise NodeError(f"{node} ended with code {process.returncode}:\n{self.log(node)}")

    def log(self, node: str) -> str:
        """The last lines that a node printed."""
        lines = self._log_path(node).read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])

    def pid(self, node: str) -> int:
        return self._running[node].pid

    def code(self, node: str) -> int | None:
        """The exit code of a node that has ended."""
        return self._running[node].poll()

    def _log_path(self, node: str) -> Path:
        return self._log_dir / f"{node}.log"
