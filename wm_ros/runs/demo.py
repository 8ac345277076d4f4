"""The demo: sim, pipeline and guard as processes of their own over DDS, goals as pictures, random as control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from wm_ros.evaluation.executed_actions import latent_action_r2
from wm_ros.models.checkpoint import find_checkpoint, load_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.ros.graph_client import GraphClient, NodeError
from wm_ros.runs.child_processes import ChildProcesses
from wm_ros.runs.explorer import Explorer
from wm_ros.runs.observer import Observer
from wm_ros.runs.ros_domain import own_domain
from wm_ros.runs.trials import Goals, Trials
from wm_ros.safety.command_checks import commands_out_of_limits
from wm_ros.tasks.protocol import Task
from wm_ros.tasks.simulated import simulated, task_of
from wm_ros.tasks.success import Criterion, Trial, summarise

# Scenes of recordings have seeds below this, so that no model was trained on a demo's.
FIRST_SCENE = 1_000_000_000
START_S = 60.0
# Sim, planner, guard and this program may share two cores: frames of 10 Hz, a plan of up to 0.25 s, and some slack.
GUARD: Mapping[str, object] = {"autostart": True, "enable_control": True, "max_observation_age_s": 0.5}


@dataclass(frozen=True)
class DemoOptions:
    """robot: name or path of a simulated one's profile; checkpoint: folder, empty for the packaged one; domain:
    ROS_DOMAIN_ID, None for an own; limit_s: how long a goal may take, None for what the task says."""

    robot: str = "arm"
    goals: int = 5
    seed: int = 0
    checkpoint: str = ""
    domain: int | None = None
    limit_s: float | None = None

    @property
    def scene_seed(self) -> int:
        return FIRST_SCENE + self.seed

    @property
    def task(self) -> Task:
        profile = load_profile(self.robot)
        return task_of(profile, simulated(profile))

    @property
    def criterion(self) -> Criterion:
        return self.task.criterion.within(self.limit_s)


@dataclass(frozen=True)
class DemoResult:
    """What was measured: summary as JSON data, the trials behind it, and all camera frames by stamp ns."""

    summary: dict[str, object]
    by_model: list[Trial]
    at_random: list[Trial]
    frames: list[tuple[int, np.ndarray]]


def run_demo(
    options: DemoOptions, log_dir: Path, progress: Callable[[str, int, float, float, float | None], None]
) -> DemoResult:
    """Run goals one after the other, each from where the former ended, then the same with random actions.

    progress: called with what moves the robot ("model" or "random"), the goal's number, seconds, metres, heading.
    Raises NodeError when a node dies, does not become active or makes no plan.
    """
    profile = load_profile(options.robot)
    robot, task = simulated(profile), options.task
    criterion = options.criterion
    named = {"profile": options.robot}
    checkpoint = find_checkpoint(options.checkpoint, profile)
    model = load_checkpoint(checkpoint)  # a bad one is reported before anything starts
    with ExitStack() as stack:
        domain = stack.enter_context(own_domain(options.domain))
        processes = stack.enter_context(ChildProcesses(log_dir))
        client = stack.enter_context(GraphClient("demo", processes.check))
        processes.start("sim_node", {"seed": options.scene_seed, **named})
        processes.start("guard_node", {**GUARD, **named})
        processes.start("pipeline_node", {"autostart": True, "checkpoint": str(checkpoint), **named})
        observer = client.add(Observer(profile))
        explorer = client.add(Explorer(profile, options.seed, max_excursion=1.5))
        client.await_active(["guard", "pipeline"], START_S)
        for topic in (*(camera.topic for camera in profile.cameras), profile.command.topic):
            if client.node.count_publishers(topic) > 1:
                raise NodeError(f"others publish {topic} on ROS_DOMAIN_ID {domain}: choose another --domain")
        trials = Trials(client, task, observer, explorer, criterion)
        goals = Goals(task, robot.simulator(options.scene_seed), options.seed)
        by_model, at_random = [], []
        for number in range(options.goals):
            goal = goals.draw(trials.positions())
            by_model.append(trials.by_model(goal, goals.picture(goal), partial(progress, "model", number)))
        split, plan_ages_ms = len(observer.commands), observer.plan_ages_ms[:]
        hiccups = int(client.status["guard"]["resumed"])
        for number, trial in enumerate(by_model):
            watch = partial(progress, "random", number)
            at_random.append(trials.at_random(trial.goal, trial.picture, watch))
    commands = np.array([vector for _, vector in observer.commands])
    stops = [trial.stop_to_zero_s for trial in by_model + at_random if trial.stop_to_zero_s is not None]
    decoded = task.rates and latent_action_r2(
        model, observer.latents, observer.latent_actions, observer.states, task.rates
    )
    p50, p95 = np.percentile(plan_ages_ms, [50, 95]).round(1).tolist()
    heading_deg = np.degrees(criterion.heading_rad).round(1)
    summary = {
        "robot": robot.name,
        **summarise([trial.score for trial in by_model]),
        "stopped_by_guard": [trial.stopped_by for trial in by_model if trial.stopped_by],
        "guard_hiccups": hiccups,  # plans that came late, so that the guard began to stop
        "success_radius_m": criterion.radius_m,
        **({"success_heading_deg": float(heading_deg)} if np.isfinite(heading_deg) else {}),
        "commands": split,
        "commands_out_of_limits": commands_out_of_limits(commands[:split], profile),
        "stop_to_zero_s": max(stops, default=None),
        "latent_action_r2": decoded,
        "camera_to_plan_ms": {"p50": p50, "p95": p95},
        "random_control": {
            **summarise([trial.score for trial in at_random]),
            "commands": len(commands) - split,
            "commands_out_of_limits": commands_out_of_limits(commands[split:], profile),
        },
        "seed": options.seed,
    }
    return DemoResult(summary, by_model, at_random, observer.frames)
