"""The temporal distance: what lies still for long counts more than what moves at once; no command is looked at."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model, write_checkpoint
from training_harness import ARM, Phases

from wm_ros.models.card import CheckpointError
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.temporal_distance import TemporalDistance
from wm_ros.planning.options import PlannerOptions
from wm_ros.stages.plan import PlanStage
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule
from wm_ros.training.selection import BestWeights
from wm_ros.training.temporal_distance import held_out_contrast, measure_step, train_temporal_distance
from wm_ros.training.train import TrainOptions, new_card

EPISODES, FRAMES = 200, 12


def clips_of_a_robot_and_a_thing(actions=None, seed=0, episodes=EPISODES):
    """States [F, 1, 4]: a robot that is anywhere at every step [2], and a thing that hardly moves in an episode [2]."""
    generator = torch.Generator().manual_seed(seed)
    robot = torch.randn(episodes, FRAMES, 2, generator=generator)
    thing = torch.randn(episodes, 1, 2, generator=generator)
    thing = thing + 0.05 * torch.randn(episodes, FRAMES, 2, generator=generator).cumsum(dim=1)
    frames = np.arange(episodes * FRAMES)
    states = torch.cat([robot, thing], dim=-1).reshape(-1, 1, 4)
    return Clips(states, frames[::FRAMES], frames + 1, FRAMES - 1, actions)


def fitted(clips, steps=300):
    torch.manual_seed(0)
    distance, phases = TemporalDistance(1, 4), Phases()
    train_temporal_distance(distance, clips, Schedule(steps, 0, phases("goal distance", steps)), Engine())
    measure_step(distance, clips)
    return distance.requires_grad_(False), phases.figures["goal distance"]


def test_a_thing_that_moved_is_further_away_than_a_robot_that_moved():
    distance, figures = fitted(clips_of_a_robot_and_a_thing())
    assert figures[-1]["contrast"] < 0.6 * figures[-1]["chance"]
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(300, 1, 4, generator=generator)
    moved = torch.randn(300, 1, 2, generator=generator)
    elsewhere = states.clone(), states.clone()
    elsewhere[0][..., :2] += moved
    elsewhere[1][..., 2:] += moved
    robot, thing = ((distance.embed(states) - distance.embed(other)).norm(dim=-1) for other in elsewhere)
    assert thing.median() > 3 * robot.median()
    assert distance(states[0], states[0]) == 0.0


def test_its_unit_is_what_a_model_step_changes():
    clips = clips_of_a_robot_and_a_thing()
    distance, _ = fitted(clips, 20)
    now, then = (
        clips.states[torch.from_numpy(rows)] for rows in (clips.starts, clips.successors[clips.starts])
    )
    moved = (distance.embed(then) - distance.embed(now)).norm(dim=-1)
    assert float(moved.mean()) == pytest.approx(1.0, rel=1e-4)


def test_what_few_episodes_teach_by_heart_is_seen_on_others_and_not_kept():
    few, others = clips_of_a_robot_and_a_thing(episodes=12), clips_of_a_robot_and_a_thing(seed=1)
    torch.manual_seed(0)
    distance, steps, rows = TemporalDistance(1, 4), 400, []
    measure = held_out_contrast(distance, others)
    best = BestWeights([distance], measure, steps, lambda step, figures: rows.append(figures))
    train_temporal_distance(distance, few, Schedule(steps, 0, best), Engine())
    last = measure()["held_out_contrast"]
    assert best.restore() < steps
    assert measure()["held_out_contrast"] == min(row["held_out_contrast"] for row in rows) < last
    assert rows[-1]["contrast"] < rows[0]["contrast"]


def test_commands_are_not_looked_at():
    actions = np.random.default_rng(0).normal(size=(EPISODES * FRAMES, 2)).astype(np.float32)
    one, other = (fitted(clips_of_a_robot_and_a_thing(some), 5)[0] for some in (None, actions))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_models_that_see_things_are_judged_by_it():
    kinds = {kind: new_card(ARM, TrainOptions(encoder_kind=kind)).goal_distance for kind in ("tiny", "video")}
    assert kinds == {"tiny": "displacement", "video": "temporal"}


def test_a_plan_towards_a_goal_is_made_with_it_and_its_places_propose_no_displacement():
    model = small_model(ARM, goal_distance="temporal")
    assert not model.goal_distance.displaces
    stage = PlanStage(model, PlannerOptions(batch_size=8, knots=2), seed=0)
    goal, state = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(0))
    stage.set_goal(goal)
    found = stage(0, state)
    assert found.goal_distance == pytest.approx(float(model.goal_distance(state, goal)), rel=1e-3)


def test_an_unknown_distance_is_named(tmp_path):
    folder = tmp_path / "model"
    write_checkpoint(folder, ARM)
    card = folder / "card.json"
    card.write_text(card.read_text().replace('"displacement"', '"odometer"'))
    with pytest.raises(
        CheckpointError, match="unknown goal_distance 'odometer'; known: displacement, temporal"
    ):
        load_checkpoint(folder)
