"""Training on states that were encoded once, against encoding the frames of every batch; and its memory by length."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from wm_ros.data.frame_cache import FrameCache
from wm_ros.data.recording import Commands, Recording
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import load_profile
from wm_ros.training import scores
from wm_ros.training.clips import Clips, make_clips
from wm_ros.training.controller import train_controller
from wm_ros.training.engine import Engine
from wm_ros.training.goal_distance import train_goal_distance
from wm_ros.training.optimise import Schedule
from wm_ros.training.states import encode_all, mapped
from wm_ros.training.train import Run, TrainOptions, new_card, train
from wm_ros.training.world_model import train_world_model, train_world_model_rollouts

EPISODE_FRAMES = 100
FRAMES = 1000
STEPS, TURNS = 3, 5
# As `wm_ros train` has it: what was needed once stays, so that no peak is missed.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str((1 << 31) - 1)}
TRAIN = "import sys; from wm_ros.bench.training import train_noise; train_noise(int(sys.argv[1]))"


def compare_steps() -> dict[str, dict[str, float]]:
    """Median milliseconds of a step of each phase with cached states and with encoding, in turns; the row `all` is a
    step of a training that has as many of each as by default."""
    recording, options = noise(FRAMES), TrainOptions()
    torch.manual_seed(0)
    model = WorldModel(new_card(recording.profile, options))
    model.encoder.requires_grad_(False).eval()
    states = mapped((FRAMES, model.encoder.tokens, model.encoder.dim))
    encode_all(model.encoder, recording, states)
    episodes = np.arange(len(recording.episodes))
    clips = make_clips(recording, states, episodes, options.clip_steps)
    ways = {"cached_ms": clips, "encoding_ms": _Encoding(**vars(clips), model=model, recording=recording)}
    engine = Engine()
    phases: dict[str, Callable[[WorldModel, Clips, Schedule, Engine], None]] = {
        "world model": train_world_model,
        "world model rollouts": train_world_model_rollouts,
        "goal distance": train_goal_distance,
        "controller": train_controller,
    }
    table: dict[str, dict[str, float]] = {}
    for name, run in phases.items():
        times: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(TURNS):
            for way, source in ways.items():
                stamps: list[float] = []
                run(model, source, Schedule(STEPS, turn, _stamped(stamps)), engine)
                times[way] += np.diff(stamps).tolist()  # after the first step, which warms up
        row = {way: round(1000 * statistics.median(series), 1) for way, series in times.items()}
        table[name] = {**row, "times_faster": round(row["encoding_ms"] / row["cached_ms"], 1)}
    counts = [
        options.world_model_steps,
        options.world_model_rollout_steps,
        options.goal_distance_steps,
        options.controller_steps,
    ]
    cached, encoding = (
        np.average([row[way] for row in table.values()], weights=counts)
        for way in ("cached_ms", "encoding_ms")
    )
    mean = {"cached_ms": round(cached, 1), "encoding_ms": round(encoding, 1)}
    return {**table, "all": {**mean, "times_faster": round(encoding / cached, 1)}}


def compare_memory(frames: int = FRAMES) -> dict[str, dict[str, float]]:
    """Peak anonymous memory in MB of trainings on so many frames and on ten times as many, each in its own process."""
    table: dict[str, dict[str, float]] = {}
    for count in (frames, 10 * frames):
        anonymous = _peak_anonymous_mb([sys.executable, "-c", TRAIN, str(count)])
        table[f"{count} frames"] = {
            "frames_mb": round(count * 64 * 64 * 3 / 1e6, 1),
            "anonymous_mb": round(anonymous, 1),
            "times": round(
                anonymous / next(iter(table.values()), {"anonymous_mb": anonymous})["anonymous_mb"], 2
            ),
        }
    return table


def noise(frames: int, size: int = 64) -> Recording:
    """A recording of pictures of noise and random commands for the arm, as large as a real one."""
    profile, generator = load_profile("arm"), np.random.default_rng(0)
    with FrameCache(expected=frames) as cache:
        for _ in range(frames):
            cache.append(generator.integers(0, 256, (size, size, 3), dtype=np.uint8))
        pictures = cache.frames()
    stamps = np.arange(frames) * 100_000_000
    moments = np.arange(0, frames * 100_000_000, 20_000_000)
    vectors = generator.uniform(profile.low, profile.high, (len(moments), 2))
    episodes = tuple(slice(start, start + EPISODE_FRAMES) for start in range(0, frames, EPISODE_FRAMES))
    return Recording(
        profile, pictures, stamps, episodes, Commands(moments, vectors, profile.command.timeout_s)
    )


def train_noise(frames: int) -> None:
    """All of a training, but few steps of it."""
    torch.set_num_threads(1)
    scores.SCORED_CLIPS = 64  # recordings of any length have as many; usually up to 2048
    scores.PROBE_STEPS = 1
    with tempfile.TemporaryDirectory() as folder:
        train(noise(frames), Path(folder) / "out", TrainOptions().scaled(0.001), "noise", _unseen, run=Run())


@dataclass(frozen=True, kw_only=True)
class _Encoding(Clips):
    """Clips whose states are encoded anew for every batch."""

    model: WorldModel
    recording: Recording

    def take(self, indexes: np.ndarray) -> tuple[torch.Tensor, torch.Tensor | None]:
        rows = self.rows(indexes)
        with torch.no_grad():
            states = self.model.encode(torch.from_numpy(self.recording.frames[rows.reshape(-1)]))
        return states.unflatten(0, rows.shape), super().take(indexes)[1]


def _stamped(stamps: list[float]) -> Callable[[int, dict[str, float]], None]:
    return lambda step, figures: stamps.append(time.perf_counter())


def _unseen(name: str, steps: int) -> Callable[[int, dict[str, float]], None]:
    return lambda step, figures: None


def _peak_anonymous_mb(command: list[str]) -> float:
    """The most anonymous memory that a process held, looked at a hundred times a second."""
    child = subprocess.Popen(command, env={**os.environ, **KEEP_MEMORY})
    peak = 0
    while child.poll() is None:
        status = Path(f"/proc/{child.pid}/status").read_text()
        line = next((line for line in status.splitlines() if line.startswith("RssAnon")), "RssAnon: 0 kB")
        peak = max(peak, int(line.split()[1]))
        time.sleep(0.01)
    if child.returncode:
        raise RuntimeError(f"the training ended with exit code {child.returncode}")
    return peak / 1000
