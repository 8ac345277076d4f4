"""V-JEPA 2-AC: the published predictor number by number, and a planner that uses it like our own model."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from published_weights import FRAMES, GOLDEN, drawn, published, seeded, small
from torch.nn import functional as F
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.messages.pose import read_pose
from wm_ros.models.action_conditioned.model import (
    ActionConditionedModel,
    load_action_conditioned,
    require_fitting,
)
from wm_ros.models.action_conditioned.pose import between, euler, matrix, moved, turn
from wm_ros.models.action_conditioned.predictor import ActionPredictor
from wm_ros.models.card import CheckpointError
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.compiled import warm_up
from wm_ros.models.imports import vjepa2_layout
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import load_profile, profile_from_dict
from wm_ros.stages.plan import PlanStage

FRANKA = load_profile("franka")
POSE = torch.tensor([0.4, 0.1, 0.3, 3.0, 0.1, -0.4, 0.2])
SMALL = {1408: 48, 1024: 64, 3072: 192, 4096: 256}


@pytest.fixture(scope="module")
def predictor():
    model = ActionPredictor(side=4, dim=48, width=64, depth=2, heads=2)
    model.load_state_dict(seeded(small(published("vjepa2-ac-vitg.pt", "predictor"), SMALL, 2), seed=1))
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def sequence():
    """Patches, actions and poses of three frames, twice."""
    return drawn((2, 48, 48), 2).view(2, 3, 16, 48), drawn((2, 3, 7), 3), drawn((2, 3, 7), 4)


def test_predictions_are_those_of_the_public_implementation(predictor, sequence):
    expected = torch.from_numpy(np.load(GOLDEN)["predictor"])
    torch.testing.assert_close(predictor(*sequence), expected, rtol=0, atol=2e-5)


def test_a_prediction_does_not_depend_on_what_comes_later(predictor, sequence):
    later = [part.clone() for part in sequence]
    for part in later:
        part[:, 2] += 1.0
    torch.testing.assert_close(predictor(*later)[:, :2], predictor(*sequence)[:, :2], rtol=0, atol=1e-5)
    assert (predictor(*later) - predictor(*sequence))[:, 2].abs().max() > 0.1


def test_frame_by_frame_equals_all_at_once(predictor, sequence):
    patches, actions, poses = sequence
    whole = F.layer_norm(predictor(patches, actions, poses), (48,))
    past = predictor.begin()
    for frame in range(3):
        step = predictor.step(patches[:, frame], actions[:, frame], poses[:, frame], frame, past)
        torch.testing.assert_close(step, whole[:, frame], rtol=0, atol=1e-5)


def test_the_number_of_a_frame_matters(predictor, sequence):
    """The published slip in the rotary positions: a true rotation would know differences of positions alone."""
    patches, actions, poses = (part[:, 0] for part in sequence)
    first, later = (predictor.step(patches, actions, poses, frame, predictor.begin()) for frame in (0, 5))
    assert (first - later).abs().max() > 1e-3


@pytest.mark.parametrize("locked", [False, True])
def test_pose_arithmetic_is_that_of_transforms3d(locked):
    t3d = pytest.importorskip("transforms3d")
    angles = np.random.default_rng(0).uniform(-1.5, 1.5, (50, 3))
    angles[:, 1] = np.where(np.arange(50) % 2, np.pi / 2, -np.pi / 2) if locked else angles[:, 1]
    expected = np.stack([t3d.euler.euler2mat(*each, axes="sxyz") for each in angles])
    ours = matrix(torch.from_numpy(angles))
    np.testing.assert_allclose(ours, expected, atol=1e-12)
    np.testing.assert_allclose(matrix(euler(ours)), expected, atol=1e-6)
    if not locked:
        np.testing.assert_allclose(euler(ours), angles, atol=1e-9)
    turns = [t3d.axangles.axangle2mat(each, np.linalg.norm(each)) for each in angles]
    np.testing.assert_allclose(turn(torch.from_numpy(angles)), turns, atol=1e-12)
    np.testing.assert_allclose(turn(torch.zeros(3)), np.eye(3))


def test_actions_lead_from_pose_to_pose_and_the_gripper_stays_in_its_range():
    generator = torch.Generator().manual_seed(0)
    start, end = torch.rand(2, 20, 7, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(moved(start, between(start, end)), end, rtol=0, atol=1e-9)
    assert moved(start, torch.full((7,), 3.0, dtype=torch.float64))[:, 6].eq(1.0).all()


def test_a_pose_is_read_from_a_message():
    t3d = pytest.importorskip("transforms3d")
    w, x, y, z = t3d.euler.euler2quat(0.3, -0.2, 1.1, axes="sxyz")
    pose = SimpleNamespace(
        position=SimpleNamespace(x=0.4, y=0.1, z=0.3), orientation=SimpleNamespace(w=w, x=x, y=y, z=z)
    )
    stamped = SimpleNamespace(pose=pose)
    np.testing.assert_allclose(read_pose(stamped, 0.5), [0.4, 0.1, 0.3, 0.3, -0.2, 1.1, 0.5], atol=1e-12)
    pose.orientation.w = 0.0
    with pytest.raises(ValueError, match="a quaternion of length 1, got position"):
        read_pose(pose, 0.5)
    pose.orientation.w = w
    with pytest.raises(ValueError, match="must be from 0"):
        read_pose(pose, 1.5)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """The folder of a `vjepa2-ac-vitg.pt` in small: two blocks of 48 and two of 64."""
    folder = tmp_path_factory.mktemp("ac")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vjepa2_layout.SIZES, 48, (2, 2, 192))
        patch.setattr(vjepa2_layout, "PREDICTOR", {"width": 64, "depth": 2, "heads": 2})
        sizes = {1408: 48, 4224: 144, 6144: 192}
        encoder = seeded(small(published("vjepa2-ac-vitg.pt", "encoder"), sizes, 2), 7, "module.backbone.")
        predictor = seeded(small(published("vjepa2-ac-vitg.pt", "predictor"), SMALL, 2), 1, "module.")
        torch.save({"encoder": encoder, "predictor": predictor, "epoch": 1}, folder / "vjepa2-ac-vitg.pt")
        result = CliRunner().invoke(
            app, ["convert", str(folder / "vjepa2-ac-vitg.pt"), "--out", str(folder / "ours"), "--size", "64"]
        )
    assert "world model for robot franka, licence MIT" in result.output, result.exception
    return folder / "ours"


def test_a_rollout_is_the_published_planners(converted):
    """Step by step, with all frames so far through the predictor each time and the pose integrated beside them."""
    model = load_action_conditioned(converted)
    states = model.encode(FRAMES[:1]).expand(5, -1, -1)
    rates = 0.2 * drawn((5, 3, 7), 8)
    model.at(POSE)
    deltas = torch.cat([rates[..., :3] / 4, euler(turn(rates[..., 3:6] / 4)), rates[..., 6:] / 4], dim=-1)
    seen, poses = states[:, None], POSE.expand(5, 1, 7)
    for step in range(3):
        following = F.layer_norm(model.predictor(seen, deltas[:, : step + 1], poses)[:, -1:], (48,))
        seen = torch.cat([seen, following], dim=1)
        poses = torch.cat([poses, moved(poses[:, -1:], deltas[:, step : step + 1])], dim=1)
    torch.testing.assert_close(model.rollout(states, rates), seen[:, 1:], rtol=0, atol=1e-5)


def test_the_planner_uses_it_like_our_own_model(converted):
    model = load_action_conditioned(converted)
    stage = PlanStage(model, PlannerOptions(batch_size=16, iteration_count=2, elites=4, knots=2), seed=0)
    before, goal = model.encode(FRAMES[:2])
    stage.set_goal(goal)
    with pytest.raises(RuntimeError, match="needs the pose of the end effector"):
        stage(0, before)
    model.at(POSE)
    result = stage(0, before)
    assert result.plan.names == FRANKA.names
    assert np.isfinite(result.cost)
    assert (result.plan.rates >= FRANKA.low).all()
    assert (result.plan.rates <= FRANKA.high).all()
    assert model.goal_distance(goal, goal) == 0.0


def test_warming_up_tells_it_no_pose(converted):
    model = load_action_conditioned(converted)
    stage = PlanStage(model, PlannerOptions(batch_size=4, iteration_count=1, elites=2, knots=1), seed=0)
    stage.warm_up()
    stage.set_goal(model.encode(FRAMES[:1])[0])
    with pytest.raises(RuntimeError, match="needs the pose of the end effector"):
        stage(0, model.encode(FRAMES[:1])[0])


@torch.inference_mode()
def test_compiled_it_imagines_the_same(converted):
    model = load_action_conditioned(converted)
    state, rates = model.encode(FRAMES[:1]), 0.2 * drawn((3, 2, 7), 8)
    imaginer = model.imaginer(compiled=True)
    model.at(torch.zeros(7))
    warm_up(imaginer.roll, lambda: imaginer(state)(torch.zeros_like(rates)))
    model.at(POSE)
    expected = model.rollout(state.expand(3, -1, -1), rates)
    torch.testing.assert_close(imaginer(state)(rates), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("pose", [POSE[:6], torch.full((7,), torch.nan)])
def test_a_pose_is_seven_finite_numbers(converted, pose):
    with pytest.raises(ValueError, match="a pose has 7 finite numbers"):
        load_action_conditioned(converted).at(pose)


def test_a_profile_without_gripper_leaves_it_as_it_is(converted):
    model = load_action_conditioned(converted)
    twist = ActionConditionedModel(replace(model.card, robot=load_profile("franka_twist")))
    twist.load_state_dict(model.state_dict())
    states, rates = model.encode(FRAMES[:2]), 0.1 * drawn((2, 2, 7), 9)
    rates[..., 6] = 0.0
    for each in (model, twist):
        each.at(POSE)
    torch.testing.assert_close(twist.rollout(states, rates[..., :6]), model.rollout(states, rates))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "elbow"}, "has no action elbow in m/s; it has x in m/s"),
        ({"unit": "cm/s"}, "has no action x in cm/s"),
    ],
)
def test_a_profile_of_other_actions_is_refused(change, said):
    data = FRANKA.to_dict()
    data["action"][0].update(change)
    with pytest.raises(CheckpointError, match=said):
        require_fitting(profile_from_dict(data))


def test_another_rate_is_refused():
    data = FRANKA.to_dict()
    data["model"]["rate_hz"] = 5.0
    with pytest.raises(CheckpointError, match="rate_hz is 5; V-JEPA 2-AC was trained at 4"):
        require_fitting(profile_from_dict(data))


def test_it_is_not_taken_for_a_trained_model(converted):
    with pytest.raises(CheckpointError, match="of kind 'vjepa2-ac', not a trained model"):
        load_checkpoint(converted)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop("module.predictor_norm.bias"), "missing weights ['predictor_norm.bias']"),
        (lambda w: w["module.predictor_norm.bias"].fill_(float("nan")), "predictor_norm.bias holds 64 NaN"),
    ],
)
def test_a_wrong_weight_of_the_predictor_is_named(converted, monkeypatch, change, said):
    monkeypatch.setitem(vjepa2_layout.SIZES, 48, (2, 2, 192))
    monkeypatch.setattr(vjepa2_layout, "PREDICTOR", {"width": 64, "depth": 2, "heads": 2})
    path = converted.parent / "vjepa2-ac-vitg.pt"
    data = torch.load(path, weights_only=True)
    change(data["predictor"])
    torch.save(data, converted.parent / "broken.pt")
    arguments = ["--out", str(converted.parent / "no"), "--size", "64", "--licence", "MIT"]
    result = CliRunner().invoke(app, ["convert", str(converted.parent / "broken.pt"), *arguments])
    assert said in str(result.exception)
    assert not (converted.parent / "no").exists()
