"""Goal pictures in lockstep: the stages, the guard and a simulated robot in simulated time, the same every run.

No ROS, no clocks: a plan takes effect a fixed latency after its frame. For comparing models and planner options; what
a robot does over real topics is measured by `wm_ros demo`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from wm_ros.data.exploration import Exploration
from wm_ros.messages.plan import Plan
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.guard import Guard, GuardOptions
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.stages.encode import Encode
from wm_ros.stages.plan import PlanResult, PlanStage
from wm_ros.tasks.commanding import commanded
from wm_ros.tasks.protocol import Simulator, Task
from wm_ros.tasks.simulated import simulated, task_of
from wm_ros.tasks.success import Score, score, settled

# Scenes of recordings have seeds below this, so that no model was trained on one of these.
FIRST_SCENE = 2_000_000_000


@dataclass(frozen=True)
class LockstepOptions:
    """latency_s: from a frame to the plan made from it; camera_hz: frames, each of which is planned from.

    limit_s: how long a trial may take, None for what the task says.
    """

    latency_s: float = 0.1
    camera_hz: float = 10.0
    limit_s: float | None = None


# From a frame's stamp and pixels to a plan.
Policy = Callable[[int, np.ndarray], Plan]


@runtime_checkable
class InformedPolicy(Protocol):
    """A policy that is told the truth before each frame, to tell what others lack."""

    def __call__(self, stamp_ns: int, frame: np.ndarray) -> Plan: ...

    def inform(self, positions: np.ndarray, goal: np.ndarray) -> None:
        """The state now [P], and the goal's [P]."""


# From a trial's number and its goal picture to the policy that drives it.
MakePolicy = Callable[[int, np.ndarray], Policy]


def model_policy(
    model: WorldModel,
    planner: PlannerOptions,
    latency_s: float,
    watch: Callable[[PlanResult, float], None] | None = None,
) -> MakePolicy:
    """A policy that plans towards the goal picture; called with a trial's number and its goal picture.

    watch: called with each plan and the seconds of processor time that it took.
    """
    encode = Encode(model)

    def make_policy(number: int, goal_picture: np.ndarray) -> Policy:
        stage = PlanStage(model, planner, seed=number)
        stage.set_goal(encode(goal_picture))

        def policy(stamp_ns: int, frame: np.ndarray) -> Plan:
            latent, started = encode(frame), time.process_time()
            result = stage(stamp_ns, latent, latency_s)
            if watch is not None:
                watch(result, time.process_time() - started)
            return result.plan

        return policy

    return make_policy


def random_policy(profile: RobotProfile, camera_hz: float) -> MakePolicy:
    """A policy of exploratory motion, whatever the goal: the control."""
    excursion = simulated(profile).excursion

    def make_policy(number: int, goal_picture: np.ndarray) -> Policy:
        explore = Exploration(profile, np.random.default_rng([number, 3]), excursion)
        return lambda stamp_ns, frame: explore.plan(stamp_ns, 1.0 / camera_hz)

    return make_policy


def run_goals(
    profile: RobotProfile,
    make_policy: MakePolicy,
    goals: int,
    seed: int,
    options: LockstepOptions | None = None,
    first: int = 0,
) -> Iterator[Score]:
    """Scores of the trials from `first` up to `goals`; scene, start and goal of each follow the seed and its number."""
    options = options or LockstepOptions()
    robot = simulated(profile)
    task = task_of(profile, robot)
    simulator = robot.simulator()
    for number in range(first, goals):
        simulator.reset(FIRST_SCENE + 1000 * seed + number)
        start, goal = start_and_goal(task, np.random.default_rng([seed, number]))
        simulator.place(goal)
        policy = make_policy(number, simulator.render())
        simulator.place(start)
        yield _trial(profile, policy, task, simulator, goal, options)


def start_and_goal(task: Task, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A start and a goal [P] that is a task from there."""
    while True:
        start = task.draw_start(generator)
        goal = task.draw_goal(generator, start)
        if goal is not None:
            return start, goal


def _trial(
    profile: RobotProfile,
    policy: Policy,
    task: Task,
    simulator: Simulator,
    goal: np.ndarray,
    options: LockstepOptions,
) -> Score:
    criterion = task.criterion.within(options.limit_s)

    def ended(times_s: np.ndarray, track: np.ndarray) -> bool:
        distances, headings = task.errors(track, goal)
        return settled(times_s, distances, criterion, headings)

    times_s, track = drive(profile, policy, simulator, goal, options, criterion.limit_s, ended)
    distances, headings = task.errors(track, goal)
    result = score(times_s, distances, criterion, headings)
    if task.coverage is None:
        return result
    return replace(result, final_coverage=task.coverage(track[-1], goal))


def drive(
    profile: RobotProfile,
    policy: Policy,
    simulator: Simulator,
    goal: np.ndarray,
    options: LockstepOptions,
    limit_s: float,
    ended: Callable[[np.ndarray, np.ndarray], bool],
) -> tuple[np.ndarray, np.ndarray]:
    """Have a policy drive from where the robot is; returns times [T] s and states [T, P], one a command.

    goal: the state [P] of which an informed policy is told. ended: called with times and states so far after each
    command; true ends it before limit_s.
    """
    guard = Guard(profile, GuardOptions(max_observation_age_s=1.0))
    period_s = 1.0 / profile.command.rate_hz
    ticks_per_frame = round(profile.command.rate_hz / options.camera_hz)
    times, track, pending = [], [], []
    guard.start(_now(0.0))
    robot = commanded(profile, simulator, guard)
    for tick in range(round(limit_s / period_s)):
        time_s = tick * period_s
        if tick % ticks_per_frame == 0:
            if isinstance(policy, InformedPolicy):
                policy.inform(simulator.positions, goal)
            plan = policy(_now(time_s).ros_ns, simulator.render())
            pending.append((time_s + options.latency_s, plan))
        _deliver(guard, pending, time_s)
        robot.before_tick(_now(time_s))
        robot.carry_out(guard.tick(_now(time_s)))
        times.append(time_s)
        track.append(simulator.positions)
        if ended(np.array(times), np.array(track)):
            break
    return np.array(times), np.array(track)


def _deliver(guard: Guard, pending: list[tuple[float, Plan]], time_s: float) -> None:
    while pending and pending[0][0] <= time_s + 1e-9:
        guard.offer(pending.pop(0)[1], _now(time_s))


def _now(time_s: float) -> ClockReading:
    stamp_ns = 1_000_000_000 + round(time_s * 1e9)
    return ClockReading(stamp_ns, stamp_ns)
