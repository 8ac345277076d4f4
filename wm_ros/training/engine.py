"""The one training loop, in one process or several: clipped gradients, progress on disk, logs, and a stop when the
loss is not finite."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn

from wm_ros.training.logs import Logs
from wm_ros.training.optimise import (
    MAX_GRADIENT_NORM,
    Loss,
    Schedule,
    TrainingError,
    make_optimisers,
    rate_share,
    require_optimiser,
    set_rates,
)
from wm_ros.training.phase_state import Generators, PhaseState
from wm_ros.training.processes import leave_in_order, mean
from wm_ros.training.progress import Progress

PRECISIONS = ("fp32", "bf16")


class Engine:
    """Runs the phases of a training, with Accelerate: devices, precision and processes are what it was launched with.

    In bf16 the networks run in autocast; weights and optimisers stay in fp32. Raises TrainingError for an optimiser
    or precision that there is not.
    """

    def __init__(
        self, optimiser: str = "adamw", precision: str = "fp32", log_dir: str | Path | None = None
    ) -> None:
        require_optimiser(optimiser)
        if precision not in PRECISIONS:
            raise TrainingError(f"no precision is called {precision!r}; known: {', '.join(PRECISIONS)}")
        # Static: a loss may leave weights out, such as inverse dynamics under a bottleneck of zeros, but then always.
        static = DistributedDataParallelKwargs(static_graph=True)
        self._accelerator = Accelerator(
            mixed_precision="no" if precision == "fp32" else precision,
            cpu=not torch.cuda.is_available(),  # else several processes without a GPU would not find each other
            kwargs_handlers=[static],
        )
        leave_in_order()
        self._optimiser, self._log_dir = optimiser, log_dir
        self._progress: Progress | None = None
        self._save_every_s = math.inf
        self._waited_s: float | None = None  # for the data of a step

    @property
    def device(self) -> torch.device:
        return self._accelerator.device

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self._accelerator.is_main_process

    def keep(self, progress: Progress, every_s: float) -> None:
        """Go on from this progress, and save it at least so often and at the end of every phase."""
        self._progress, self._save_every_s = progress, every_s

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """For losses: the time within is spent on data; its share of a step is the figure `waiting`."""
        started = time.perf_counter()
        yield
        self._waited_s = (self._waited_s or 0.0) + time.perf_counter() - started

    def optimise(
        self,
        name: str,
        modules: Sequence[nn.Module],
        loss: Loss,
        schedule: Schedule,
        rate: float,
        generators: Generators,
    ) -> None:
        """Minimise `loss()` over the weights of modules; the schedule's `report(step, figures)` follows each step.

        generators: all that the loss draws from, so that a training which was ended draws on where it was. Raises
        TrainingError as soon as a loss is NaN or infinite in any process, before it reaches a weight.
        """
        steps, report = schedule.steps, schedule.report
        objective = _Objective(modules, loss)
        optimisers = make_optimisers(self._optimiser, modules, rate)
        state = PhaseState(objective, optimisers, generators, report)
        done = self._restore(name, state)
        if done:
            report(done, {})
        if done == steps:
            return
        parameters = list(objective.parameters())
        run = self._accelerator.prepare_model(objective)
        saved = time.monotonic()
        with Logs(self._log_dir if self.is_main else None, name, done) as log:
            for step in range(done + 1, steps + 1):
                started, self._waited_s = time.perf_counter(), None
                set_rates(optimisers, rate_share(step - 1, steps))
                value, figures = run()
                total, figures = mean(value.item(), figures, self.device)
                if not math.isfinite(total):
                    raise TrainingError(
                        f"{name}: loss is {total} at step {step} of {steps}; lower the learning rate ({rate:g}) "
                        "or look for broken frames and commands with `wm_ros inspect`"
                    )
                for optimiser in optimisers:
                    optimiser.zero_grad(set_to_none=True)
                self._accelerator.backward(value)
                nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
                for optimiser in optimisers:
                    optimiser.step()
                if self._waited_s is not None:
                    figures["waiting"] = self._waited_s / (time.perf_counter() - started)
                report(step, figures)
                log(step, {"loss": total, **figures})
                if step < steps and time.monotonic() - saved >= self._save_every_s:
                    self._save(name, step, state)
                    saved = time.monotonic()
        self._save(name, steps, replace(state, optimisers=[]))

    def _restore(self, name: str, state: PhaseState) -> int:
        """Steps that are done, the same in all processes."""
        done = 0 if self._progress is None else self._progress.restore(name, state)
        if mean(done, {}, self.device)[0] != done:
            raise TrainingError(
                f"{name}: this process finds {done} steps done, others do not: --out must be a folder that all see"
            )
        return done

    def _save(self, name: str, step: int, state: PhaseState) -> None:
        if self._progress is not None and self.is_main:
            self._progress.save(name, step, state)


class _Objective(nn.Module):
    """A loss as the forward pass of what it trains, which is how gradients are averaged over processes."""

    def __init__(self, parts: Sequence[nn.Module], loss: Loss) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self._loss = loss

    def forward(self) -> tuple[Tensor, dict[str, float]]:
        return self._loss()
