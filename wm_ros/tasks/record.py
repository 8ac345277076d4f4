"""Records a simulated robot in lockstep, no ROS running: minutes of motion in seconds, the same every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from wm_ros.data.bag_writer import BagWriter
from wm_ros.data.exploration import held_plan
from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.guard import Guard, GuardOptions
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.tasks.commanding import commanded
from wm_ros.tasks.protocol import Motion, Simulator
from wm_ros.tasks.simulated import simulated

CAMERA_RATE_HZ = 10.0
START_NS = 1_000_000_000
PAUSE_NS = 1_000_000_000  # of simulated time between episodes
SEED_STRIDE = 100_000


def record_sim(
    profile: RobotProfile,
    out: str | Path,
    episodes: int = 500,
    seconds: float = 6.0,
    seed: int = 0,
    progress: Callable[[int], None] = lambda episode: None,
) -> None:
    """Write a bag of exploratory motion, each episode in a scene of its own; equal seeds, equal messages.

    Every frame leads to a plan, every plan goes through the guard as on a live robot, so that the commands
    are those which the guard would have published, the ramp to zero at the end of an episode included.

    progress: called with the number of episodes done.
    """
    if episodes < 1 or episodes > SEED_STRIDE:
        raise ValueError(f"episodes must lie in [1, {SEED_STRIDE}], got {episodes}")
    robot = simulated(profile)
    simulator = robot.simulator(seed * SEED_STRIDE)
    start_ns = START_NS
    with BagWriter(out, profile) as bag:
        for number in range(episodes):
            simulator.reset(seed * SEED_STRIDE + number)
            bag.episode(start_ns - 1_000_000, number)
            motion = robot.motion(profile, np.random.default_rng([seed, number, 2]))
            start_ns = _record_episode(bag, profile, simulator, motion, start_ns, seconds) + PAUSE_NS
            progress(number + 1)


def _record_episode(
    bag: BagWriter,
    profile: RobotProfile,
    simulator: Simulator,
    motion: Motion,
    start_ns: int,
    seconds: float,
) -> int:
    """Run one episode and return the time of its end."""
    period_s = 1.0 / profile.command.rate_hz
    ticks_per_frame = round(profile.command.rate_hz / CAMERA_RATE_HZ)
    frames = round(seconds * CAMERA_RATE_HZ)
    guard = Guard(profile, GuardOptions(stop_hold_s=0.0))
    guard.start(ClockReading(start_ns, start_ns))
    robot = commanded(profile, simulator, guard)
    tick = 0
    while tick < frames * ticks_per_frame or guard.publishing:
        now_ns = start_ns + round(tick * period_s * 1e9)
        now = ClockReading(now_ns, now_ns)
        bag.state(now_ns, simulator.positions, simulator.velocities)
        if tick % ticks_per_frame == 0:
            bag.image(now_ns, simulator.render())
            if tick < (frames - 1) * ticks_per_frame:
                rates = motion(simulator.positions, 1.0 / CAMERA_RATE_HZ)
                guard.offer(held_plan(now_ns, profile.names, rates, 1.0 / CAMERA_RATE_HZ), now)
        robot.before_tick(now)
        command = robot.carry_out(guard.tick(now))
        if command is not None:
            bag.command(now_ns, command)
        tick += 1
    return start_ns + round(tick * period_s * 1e9)
