"""Trainings of the embedded arm that are over in seconds, and what tells two models apart."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import torch
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.data.recording import Commands
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.training.train import TrainOptions, train

ARM = load_profile("arm")
EPISODES, SECONDS = 6, 3.6
BRIEF = TrainOptions(seed=3).scaled(0.001)
BRIEFLY = ("--effort", "0.001", "--seed", "3", "--num-threads", "1")


class Phases:
    """Remembers every figure of every phase."""

    def __init__(self):
        self.figures = {}

    def __call__(self, name, steps):
        rows = self.figures[name] = []

        def report(step, figures):
            rows.append(figures)
            assert step == len(rows) <= steps

        return report

    def fell(self, phase, figure):
        """The mean of the last fifth of the steps as a share of that of the first."""
        values = [row[figure] for row in self.figures[phase]]
        fifth = len(values) // 5
        return np.mean(values[-fifth:]) / np.mean(values[:fifth])


def trained(recording, folder, options=BRIEF, **arguments):
    found = train(recording, folder, options, "a test", Phases(), **arguments)
    return load_checkpoint(folder), found


def parts_that_differ(first, second):
    """Names of the parts of two models whose weights are not equal bit for bit."""
    weights, others = first.state_dict(), second.state_dict()
    assert list(weights) == list(others)
    return {name.split(".")[0] for name in weights if not torch.equal(weights[name], others[name])}


def corrupted(recording, episodes):
    """The recording with noise for pictures and other commands in these episodes."""
    frames, stamps = np.array(recording.frames), recording.stamps_ns
    vectors, generator = recording.commands.vectors.copy(), np.random.default_rng(0)
    for episode in (recording.episodes[index] for index in episodes):
        frames[episode] = generator.integers(0, 256, frames[episode].shape, np.uint8)
        times = recording.commands.stamps_ns
        during = (times >= stamps[episode.start]) & (times <= stamps[episode.stop - 1])
        vectors[during] = generator.uniform(-1.5, 1.5, (during.sum(), 2))
    commands = Commands(recording.commands.stamps_ns, vectors, ARM.command.timeout_s)
    return replace(recording, frames=frames, commands=commands)


def environment():
    """For a command in a process of its own: it finds this package and these harnesses, and does not colour."""
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}


def wm_ros(*arguments):
    """The command in a process of its own, with a short probe."""
    command = [sys.executable, "-m", "brief_wm_ros", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment())


def called(*arguments):
    """The same command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
