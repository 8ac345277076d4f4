"""Choosing the weights of world model and controller by what they do on episodes that neither train nor score it."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")

import torch
from checkpoint_harness import small_model

from wm_ros.data.load import load_recording
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim
from wm_ros.training import scores, world_model
from wm_ros.training import validation_split as splitting
from wm_ros.training.clips import Clips
from wm_ros.training.selection import CHECKS, BestWeights, set_apart
from wm_ros.training.train import TrainOptions, train

ARM = load_profile("arm")
EPISODES = 9


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "bag"
    record_sim(ARM, path, episodes=EPISODES, seconds=3.6)
    return load_recording(path, ARM)


def clips(count=40):
    states = torch.randn(3 * count, 1, 8, generator=torch.Generator().manual_seed(0))
    frames = np.arange(3 * count)
    actions = torch.randn(3 * count, 2, generator=torch.Generator().manual_seed(1)).numpy()
    return Clips(states, frames[::3], frames + 1, 2, actions)


def heeding(model, share):
    """Scale how much the forward model heeds its latent action; 0 is not at all."""
    with torch.no_grad():
        for block in model.forward_model.blocks:
            block.modulation.weight.mul_(share)


def parts_of(model):
    return [model.inverse_dynamics, model.forward_model, model.controller, model.controller_inverse]


def weights_of(model):
    return [tensor.clone() for part in parts_of(model) for tensor in part.state_dict().values()]


def best_weights(model, steps, report, some=None):
    return BestWeights(parts_of(model), scores.held_out_error(model, some or clips(), 0), steps, report)


def same(first, second):
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def followed(model, shares, steps_each=25):
    """Train on paper: after every so many steps the model heeds its latent action so much; returns the selection, the
    figures and the weights of every step."""
    figures, weights, origin = [], [], {k: v.clone() for k, v in model.forward_model.state_dict().items()}
    steps = steps_each * len(shares)
    best = best_weights(model, steps, lambda step, found: figures.append(found))
    for step in range(1, steps + 1):
        model.forward_model.load_state_dict(origin)
        heeding(model, shares[(step - 1) // steps_each])
        weights.append(weights_of(model))
        best(step, {"error_to_copy": 1.0})
    return best, figures, weights


@pytest.fixture
def scripted(monkeypatch):
    """A stand-in for what is found: a function of the model that gives its error from robot actions."""

    def script(error):
        monkeypatch.setattr(
            "wm_ros.training.scores.held_out_error",
            lambda model, *clips: lambda: {"controller_rollout": error(model)},
        )

    return script


def test_the_weights_with_the_least_error_from_robot_actions_come_back():
    model = small_model(ARM, weight=0.3)
    best, figures, weights = followed(model, [1.0, 0.5, 0.1, 0.3])
    errors = [row["controller_rollout"] for row in figures]
    found = {step: errors[step - 1] for step in (1, 25, 50, 75, 100)}
    assert len(set(found.values())) == 4
    step = best.restore()
    assert step == min(found, key=lambda step: (found[step], -step)) != 100
    assert same(weights_of(model), weights[step - 1])


def test_of_equal_errors_the_last_is_kept():
    model = small_model(ARM, weight=0.3)
    best, figures, _ = followed(model, [0.0, 0.0])
    assert len({row["controller_rollout"] for row in figures}) == 1
    assert best.restore() == 50


def test_controls_are_reported_at_every_step_beside_the_figures_of_training():
    _, figures, _ = followed(small_model(ARM, weight=0.3), [1.0])
    names = {"error_to_copy", "controller_rollout"}
    assert all(set(row) == names for row in figures)


@pytest.mark.parametrize(("steps", "most"), [(2500, CHECKS + 1), (30_000, CHECKS + 1), (100, 5), (2, 2)])
def test_looking_costs_little(steps, most, monkeypatch):
    """A check is about two training steps: at most 3 % of a training of some length."""
    seen = []
    monkeypatch.setattr(
        "wm_ros.training.scores.controller_error",
        lambda model, states, actions: seen.append((len(states), len(actions))) or 1.0,
    )
    best = best_weights(small_model(ARM), steps, lambda step, figures: None, clips(1000))
    for step in range(1, steps + 1):
        best(step, {})
    assert len(seen) <= most
    assert set(seen) == {(512, 512)}


def test_what_was_found_goes_on_in_another_training():
    """As if it had not been ended in between: the same figures, the same choice."""
    model = small_model(ARM, weight=0.3)
    before, _, weights = followed(model, [1.0, 0.5])
    figures = []
    after = best_weights(model, 100, lambda step, found: figures.append(found))
    after.load_state_dict({name: tensor.clone() for name, tensor in before.state_dict().items()})
    after(51, {})
    whole = before.state_dict()
    assert figures == [{name[6:]: value.item() for name, value in whole.items() if name.startswith("found.")}]
    step = after.restore()
    assert step == before.restore()
    assert same(weights_of(model), weights[step - 1])
    assert all(torch.equal(tensor, after.state_dict()[name]) for name, tensor in whole.items())


# Which episodes


def test_episodes_choose_or_score_and_never_both(recording):
    validation, scored = set_apart(recording, np.array([1, 3, 4, 6, 8]), steps=6)
    assert validation.tolist() == [3, 6]
    assert scored.tolist() == [1, 4, 8]


def test_too_few_episodes_all_score(recording):
    validation, scored = set_apart(recording, np.array([1, 3, 4]), steps=6)
    assert (len(validation), scored.tolist()) == (0, [1, 3, 4])
    # As does one without a clip.
    episodes = list(recording.episodes)
    episodes[3] = slice(episodes[3].start, episodes[3].start + 4)
    short = replace(recording, episodes=tuple(episodes))
    assert len(set_apart(short, np.array([1, 3, 4, 5]), steps=6)[0]) == 0
    assert set_apart(short, np.array([1, 3, 4, 5, 6]), steps=6)[0].tolist() == [4, 6]


# In training


@pytest.fixture
def half_held_out(monkeypatch):
    monkeypatch.setattr(scores, "PROBE_STEPS", 5)
    monkeypatch.setattr(world_model, "BATCH", 8)
    monkeypatch.setattr(
        splitting, "split_episodes", lambda count, seed: (np.arange(0, 5), np.arange(5, count))
    )


def trained(recording, folder, **options):
    last = {}

    def phases(name, steps):
        return lambda step, figures: last.__setitem__(name, figures)

    brief = replace(
        TrainOptions(seed=3).scaled(0.001),
        world_model_rollout_steps=30,
        controller_rollout_steps=30,
        **options,
    )
    train(recording, folder, brief, "a test", phases, encoder_of=small_model(ARM, weight=0.3))
    return load_checkpoint(folder), last


def test_looking_changes_nothing_but_which_weights_are_kept(recording, tmp_path, half_held_out, scripted):
    plain, figures = trained(recording, tmp_path / "plain", choose=False)
    assert all("controller_rollout" not in row for row in figures.values())
    assert plain.card.training["chosen_at_step"] == 30
    assert plain.card.training["validation_episodes"] == 0
    # Of equal errors the last is kept: the same training as without looking.
    scripted(lambda model: 1.0)
    looked, _ = trained(recording, tmp_path / "looked")
    assert looked.card.training["chosen_at_step"] == 30
    assert looked.card.training["validation_episodes"] == 2
    assert looked.card.training["held_out_episodes"] == 4
    assert all(torch.equal(tensor, looked.state_dict()[name]) for name, tensor in plain.state_dict().items())


@pytest.mark.parametrize(
    ("phase", "options"),
    [
        ("joint rollouts", {}),
        ("controller rollouts", {"joint": False}),
        ("world model rollouts", {"labelled": True}),
    ],
)
def test_the_chosen_step_of_the_last_phase_is_in_the_card_and_its_weights_in_the_checkpoint(
    recording, tmp_path, half_held_out, scripted, phase, options
):
    errors, kept = iter([2.0, 1.0, 3.0]), []

    def error(model):
        kept.append(weights_of(model))
        return next(errors)

    scripted(error)
    model, figures = trained(recording, tmp_path / "model", **options)
    assert model.card.training["chosen_at_step"] == 25
    assert same(weights_of(model), kept[1])
    assert figures[phase]["controller_rollout"] == 3.0
