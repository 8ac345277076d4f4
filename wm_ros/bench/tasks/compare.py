"""From a recording to goals reached: for each seed a model, the action-labelled baseline, and the controls."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wm_ros.bench.bottlenecks.runs import write_json
from wm_ros.bench.bottlenecks.table import over_seeds
from wm_ros.bench.tasks.oracle import oracle_policy
from wm_ros.bench.tasks.policies import controls
from wm_ros.bench.tasks.probe import known_parts
from wm_ros.bench.tasks.trials import run_trials
from wm_ros.data.load import load_recording
from wm_ros.data.recording import Recording
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.options import planner_of
from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.lockstep import LockstepOptions, MakePolicy, model_policy
from wm_ros.tasks.record import record_sim
from wm_ros.training.metric_descriptions import METRIC_DESCRIPTIONS
from wm_ros.training.optimise import Report
from wm_ros.training.run_identity import require_same
from wm_ros.training.train import Phases, Run, TrainOptions, train

MODEL, LABELLED = "latent actions", "action-labelled baseline"
ORACLE = "true dynamics and state"
COVERED = 0.95
METRICS = ("one_step", "rollout", "controller_rollout", "action_gap_shuffled", "latent_action_r2")
FIGURES = {
    "success": "share of goal pictures in unseen scenes that were reached, in lockstep",
    "final_distance_m": "median distance from the goal at the end, m",
    "final_heading_deg": "median angle from the goal at the end, degrees, where it counts",
    "covered": f"share of the goals at whose end the thing covers at least {COVERED} of its place, where that counts",
    **{name: METRIC_DESCRIPTIONS[name] for name in METRICS},
}
KNOWS = "R2 with which a probe `{}` from the states of frames in unseen scenes"
LOCKSTEP = LockstepOptions()


class TasksError(ValueError):
    """A measurement that cannot be gone on with; the message says why."""


@dataclass(frozen=True)
class TasksOptions:
    """What is recorded, trained and driven, the same for all seeds.

    oracle_goals: how many of the goals the planner with the true dynamics is driven to.
    """

    episodes: int = 3200
    seconds: float = 8.0
    encoder_kind: str = "video"
    effort: float = 1.0
    goals: int = 50
    oracle_goals: int = 0


def compare(
    profile: RobotProfile, out: Path, options: TasksOptions, seeds: int, bag: Path | None, phases: Phases
) -> dict[str, Any]:
    """Everything that a table of one task says, as JSON data; what the folder `out` holds is not done again.

    bag: the recording to train on; None: one is recorded. Of each seed, both models are trained with it, on one
    encoder, and driven to its goals.
    """
    controls(profile, 0, LOCKSTEP)  # that there are goals is known before anything is recorded
    what = {"task": profile.name, "options": asdict(options), "bag": None if bag is None else bag.name}
    require_same(out, out / "task.json", what, "measurement", TasksError)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "task.json", what)
    task = _Task(profile, out, options, bag or out / "bag", bag is None, phases)
    rows: dict[str, list[dict[str, Any]]] = {}
    for seed in range(seeds):
        models = task.models(seed)
        policies = {
            name: model_policy(model, planner_of(profile), LOCKSTEP.latency_s)
            for name, model in models.items()
        } | controls(profile, seed, LOCKSTEP)
        if options.oracle_goals:
            policies[ORACLE] = oracle_policy(profile)
        for name, policy in policies.items():
            known = models[name].card.metrics if name in models else {}
            metrics = {metric: known[metric] for metric in METRICS if metric in known}
            if name == MODEL:
                metrics |= task.known(models[name], seed)
            goals = min(options.goals, options.oracle_goals) if name == ORACLE else options.goals
            rows.setdefault(name, []).append({**task.drive(name, policy, seed, goals), **metrics})
    about = {
        "task": profile.name,
        "recording": task.bag.name,
        "seeds": seeds,
        **asdict(options),
        "frames": models[MODEL].card.training["frames"],
    }
    return {
        "about": about,
        "left_out": {},
        "figures": FIGURES
        | {name: KNOWS.format(name) for name in rows[MODEL][0] if name.startswith("knows ")},
        "rows": {name: over_seeds(found) for name, found in rows.items()},
    }


@dataclass(frozen=True)
class _Task:
    """One task in its folder. records: the bag is made here; phases: what to report steps to."""

    profile: RobotProfile
    out: Path
    options: TasksOptions
    bag: Path
    records: bool
    phases: Phases

    @cached_property
    def recording(self) -> Recording:
        """What is trained on, recorded where there is none yet; read only when something is left to train."""
        if self.records and not self.bag.exists():
            report = self.phases("recording", self.options.episodes)
            begun = self.bag.with_name("bag.partial")
            shutil.rmtree(begun, ignore_errors=True)  # of a recording that was ended
            episodes, seconds = self.options.episodes, self.options.seconds
            record_sim(self.profile, begun, episodes, seconds, progress=lambda done: report(done, {}))
            begun.rename(self.bag)
        return load_recording([self.bag], self.profile)

    def models(self, seed: int) -> dict[str, WorldModel]:
        """The model of a seed, and the baseline with its encoder; trained where they are not yet."""
        plain = TrainOptions(encoder_kind=self.options.encoder_kind, seed=seed).scaled(self.options.effort)
        model = self._model(MODEL, self.out / f"model-{seed}", plain, None)
        labelled = replace(plain, labelled=True)
        return {MODEL: model, LABELLED: self._model(LABELLED, self.out / f"labelled-{seed}", labelled, model)}

    def known(self, model: WorldModel, seed: int) -> dict[str, float]:
        """What probes read of the task's state."""
        report = self.phases(f"{MODEL} {seed}: probes", 100)
        path = self.out / f"known-{seed}.json"
        return known_parts(path, self.profile, model, seed, lambda share: report(round(100 * share), {}))

    def drive(self, name: str, policy: MakePolicy, seed: int, goals: int) -> dict[str, float]:
        """Success and median errors of a policy on the first goals of a seed."""
        path, report = (
            self.out / f"{name.replace(' ', '_')}-{seed}.jsonl",
            self.phases(f"{name} {seed}: goals", goals),
        )
        trials = run_trials(path, self.profile, policy, goals, seed, LOCKSTEP, report)
        headings = [trial["final_heading_deg"] for trial in trials if trial["final_heading_deg"] is not None]
        covered = [
            trial["final_coverage"] >= COVERED for trial in trials if trial["final_coverage"] is not None
        ]
        return {
            "success": float(np.mean([trial["success"] for trial in trials])),
            "final_distance_m": float(np.median([trial["final_distance_m"] for trial in trials])),
            **({"final_heading_deg": float(np.median(headings))} if headings else {}),
            **({"covered": float(np.mean(covered))} if covered else {}),
        }

    def _model(
        self, name: str, folder: Path, options: TrainOptions, encoder_of: WorldModel | None
    ) -> WorldModel:
        if not (folder / "card.json").is_file():

            def phases(step: str, steps: int) -> Report:
                return self.phases(f"{name} {options.seed}: {step}", steps)

            train(
                self.recording,
                folder,
                options,
                self.bag.name,
                phases,
                encoder_of=encoder_of,
                run=Run(resume=True),
            )
        return load_checkpoint(folder)
