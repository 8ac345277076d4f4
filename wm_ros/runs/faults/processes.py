"""Starts the pipeline of a fault round again within a second: its imports are done once, before a fork."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from wm_ros.runs.faults import breakable_pipeline

PRELOAD = [
    "wm_ros.nodes.pipeline_node",
    "wm_ros.stages.plan",
    "wm_ros.models.checkpoint",
    "safetensors.torch",
    "cv2",
]
SPARE_BYTES = 1 << 20


class Pipeline:
    """A context manager: the pipeline node in a child process that can be ended, limited and started again."""

    def __init__(self, parameters: Mapping[str, object], log: Path) -> None:
        self._arguments = ["--ros-args"]
        for name, value in parameters.items():
            self._arguments += ["-p", f"{name}:={json.dumps(value)}"]
        self._log = log
        # rclpy must not be initialised before a fork, so the parent of all pipelines is not this process.
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload(PRELOAD)

    def __enter__(self) -> Pipeline:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> None:
        self._process = self._forks.Process(
            target=breakable_pipeline.main, args=(self._arguments, self._log), daemon=True
        )
        self._process.start()

    def send(self, number: int) -> None:
        os.kill(self._pid, number)

    @property
    def _pid(self) -> int:
        return cast(int, self._process.pid)  # it was started

    def end(self) -> None:
        """Gone, however it was."""
        self._process.kill()
        self._process.join()

    def limit_memory(self) -> None:
        """Let it have not much more address space than it has now."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + SPARE_BYTES
        resource.prlimit(self._pid, resource.RLIMIT_AS, (limit, limit))
