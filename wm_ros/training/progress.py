"""Progress of a training on disk, so that one which was killed goes on where it was, to the same weights.

One file per phase, replaced as a whole, and `run.json`, which says what is trained on what. Safetensors and JSON alone:
no pickle is ever read.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from wm_ros.training.optimise import TrainingError
from wm_ros.training.phase_state import PhaseState
from wm_ros.training.run_identity import differences

SHOWN_DIFFERENCES = 4


class Progress:
    """The progress of one training in a folder, which is created when there is some.

    run: what is trained on what, as nested dictionaries for JSON. Raises TrainingError when there is progress already
    and `resume` is not asked for, or it is that of another training; then the message names what differs.
    """

    def __init__(self, folder: Path, run: dict[str, Any], resume: bool = False) -> None:
        self.folder, self._run = folder, json.loads(json.dumps(run))
        self.seconds = 0.0  # what the training took before it was ended
        self._started = time.monotonic()
        if not self._run_path.is_file():
            return
        if not resume:
            raise TrainingError(
                f"{folder.parent} holds the progress of a training: go on with it by --resume"
            )
        if differing := differences(_read_json(self._run_path), self._run):
            shown = "; ".join(differing[:SHOWN_DIFFERENCES])
            more = f", and {rest} more" if (rest := len(differing) - SHOWN_DIFFERENCES) > 0 else ""
            raise TrainingError(
                f"{folder} is the progress of another training: {shown}{more}. Go on with the same data and options, "
                "or begin in another folder"
            )

    def save(self, phase: str, step: int, state: PhaseState) -> None:
        """Write where a phase is: the file before stays whole until the new one is on the disk."""
        tensors, numpy_states = state.state_dict()
        seconds = self.seconds + time.monotonic() - self._started
        metadata = {"step": step, "seconds": seconds, "random": numpy_states}
        path = self._path(phase)
        partial = path.with_suffix(".partial")
        try:
            if not self._run_path.is_file():
                self.folder.mkdir(parents=True, exist_ok=True)
                beginning = self._run_path.with_suffix(".partial")
                beginning.write_text(json.dumps(self._run, indent=1), encoding="utf-8")
                _replace(beginning, self._run_path)
            save_file(tensors, partial, {"progress": json.dumps(metadata)})
            _replace(partial, path)
        except (SafetensorError, OSError) as error:
            partial.unlink(missing_ok=True)
            raise TrainingError(
                f"{phase}: the progress at step {step} cannot be written to {self.folder}: {error}. What was written "
                "before is whole: make room and go on by --resume"
            ) from error

    def restore(self, phase: str, state: PhaseState) -> int:
        """Put everything back as it was when a phase was last saved; returns its step, 0 without such."""
        path = self._path(phase)
        if not path.is_file():
            return 0
        try:
            with safe_open(path, "pt") as file:
                metadata = json.loads(file.metadata()["progress"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise TrainingError(f"{path} is damaged: {error}; without it {phase} begins anew") from error
        state.load_state_dict(tensors, metadata["random"])
        self.seconds = max(self.seconds, metadata["seconds"])
        return metadata["step"]

    def remove(self) -> None:
        """The training is finished and its checkpoint written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _run_path(self) -> Path:
        return self.folder / "run.json"

    def _path(self, phase: str) -> Path:
        return self.folder / f"{phase.replace(' ', '_')}.safetensors"


def _replace(partial: Path, path: Path) -> None:
    """Bring a file to the disk under its own name, at once or not at all."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path} cannot be read, and what its training was is unknown: {error}; begin in another folder"
        ) from error
