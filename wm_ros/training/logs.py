"""Scalars for TensorBoard: one run per phase, one chart per figure."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Logs:
    """Writes the scalars of a phase to a folder; a context manager, which does nothing without a folder.

    done: steps of the phase that are trained already: what was logged after them, before the training was ended, is
    hidden.
    """

    def __init__(self, folder: str | Path | None, phase: str, done: int) -> None:
        self._folder, self._phase, self._done = folder, phase, done
        self._writer: SummaryWriter | None = None

    def __enter__(self) -> Logs:
        if self._folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(
                Path(self._folder) / self._phase.replace(" ", "_"), purge_step=self._done + 1
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def __call__(self, step: int, figures: dict[str, float]) -> None:
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(f"{self._phase}/{name}", value, step)
