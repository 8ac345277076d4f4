"""The protocols' figures where the right answer is known: worlds that are told the truth, and paths by hand."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from wm_ros.bench.protocols.droid import DROID
from wm_ros.bench.protocols.recon import RECON, SPACING_M
from wm_ros.bench.protocols.run import MODEL, run
from wm_ros.bench.protocols.starts import Starts, choose_starts
from wm_ros.data.recording import Commands, Recording
from wm_ros.robots.planar import moved, path, twist_components
from wm_ros.robots.profile import load_profile

ARM, BASE = load_profile("droid"), load_profile("recon")


class TrueWorld(nn.Module):
    """A model whose state is the place itself, and which knows what actions do; frames carry their number.

    share: of every action that it believes in, for a model that is wrong.
    """

    def __init__(self, profile, places, step, share=1.0):
        super().__init__()
        self.card = SimpleNamespace(robot=profile, encoder={"name": "the truth"})
        self.encoder, self.device = nn.Identity(), torch.device("cpu")
        self._places, self._step, self._share = torch.from_numpy(places).double(), step, share

    def encode(self, frames):
        numbers = frames[:, 0, 0, 0].long() + 256 * frames[:, 0, 0, 1].long()
        return self._places[numbers][:, None]

    def imaginer(self):
        def imagine(observed):
            return lambda actions: torch.from_numpy(
                self._step(observed[-1, 0].numpy(), self._share * actions.double().numpy())
            )[:, :, None]

        return imagine


def translate(place, actions):
    """Places [S, H, 3] of an arm from [3] on."""
    return place + ARM.model_dt * actions[:, :, :3].cumsum(axis=1)


def drive(pose, actions):
    """Poses [S, H, 3] of a base from [3] on."""
    poses, found = np.broadcast_to(pose, (len(actions), 3)), []
    for rates in np.moveaxis(actions, 1, 0):
        motions = np.stack([rates[:, 0], np.zeros(len(rates)), rates[:, 1]], axis=1) * BASE.model_dt
        poses = moved(poses, motions)
        found.append(poses)
    return np.stack(found, axis=1)


def recorded(profile, rates, places=None, episodes=6):
    """A recording of commands [T, A], each held for a model step, in episodes of equal length; frames are numbered."""
    count = len(rates) + 1
    stamps = round(1e9 * profile.model_dt) * np.arange(count)
    cuts = np.linspace(0, count, episodes + 1).round().astype(int)
    slices = tuple(slice(*ends) for ends in pairwise(cuts))
    frames = np.zeros((count, 2, 2, 3), np.uint8)
    frames[:, :, :, 0], frames[:, :, :, 1] = (
        numbers[:, None, None] for numbers in (np.arange(count) % 256, np.arange(count) // 256)
    )
    commands = Commands(stamps[:-1], rates, timeout_s=profile.model_dt)
    return Recording(profile, frames, stamps, slices, commands, places=places)


def arm_walk(count=95):
    rates = np.random.default_rng(0).uniform(0.8 * ARM.low, 0.8 * ARM.high, (count, 6))
    places = np.concatenate([np.zeros((1, 3)), ARM.model_dt * rates[:, :3].cumsum(axis=0)])
    return recorded(ARM, rates), places


def base_walk(held, count=95):
    """Driven with one command for all of an episode (16 steps), or a new one every step."""
    draw = np.random.default_rng(0)
    rates = draw.uniform([0.3, -0.4], [1.6, 0.4], (count, 2))
    rates = np.repeat(rates[::16], 16, axis=0)[:count] if held else rates
    poses = path(np.stack([rates[:, 0], np.zeros(count), rates[:, 1]], axis=1) * BASE.model_dt)
    return recorded(BASE, rates, poses), poses


def means(protocol, model, recording, out, seeds=1):
    table = run(protocol, model, "weights", recording, ["walk"], 100, seeds, out, lambda done, total: None)
    return {
        name: {figure: entry["mean"] for figure, entry in row.items()} for name, row in table["rows"].items()
    }, table


def test_a_model_of_the_truth_makes_next_to_no_error_on_droid(tmp_path):
    recording, places = arm_walk()
    rows, table = means(DROID, TrueWorld(ARM, places, translate), recording, tmp_path / "out")
    assert rows[MODEL]["error_m"] < 0.01
    starts = choose_starts(recording, 3, recording.labelled_episodes, 100)
    way = np.linalg.norm(places[starts.rows[:, -1]] - places[starts.rows[:, 0]], axis=1)
    assert rows["no motion"]["error_m"] == pytest.approx(way.mean(), abs=1e-4)
    assert rows["random actions"]["error_m"] > rows["no motion"]["error_m"]
    assert table["published"]["[LAM] noise"] == {"error_m": 0.1}
    low, high = table["rows"][MODEL]["error_m"]["interval"]
    assert low <= rows[MODEL]["error_m"] <= high
    assert (table["starts"], table["episodes"]) == (24, 6)


def test_a_model_that_believes_in_half_of_each_action_plans_too_far(tmp_path):
    recording, places = arm_walk()
    few = 0.4 * places
    slow = recorded(ARM, 0.4 * recording.commands.vectors)
    rows, _ = means(DROID, TrueWorld(ARM, few, translate, share=0.5), slow, tmp_path / "out")
    # Twice the way is planned, and so the error is the way itself.
    assert rows[MODEL]["error_m"] == pytest.approx(rows["no motion"]["error_m"], rel=0.1)


def test_a_model_of_the_truth_finds_the_held_command_on_recon(tmp_path):
    recording, poses = base_walk(held=True)
    rows, table = means(RECON, TrueWorld(BASE, poses, drive), recording, tmp_path / "out", seeds=3)
    assert rows["recorded mean, held"]["ate_m"] < 1e-4
    assert rows["recorded mean, held"]["rpe_m"] < 1e-4
    # 120 candidates in one iteration are coarse, as they are where it was published.
    assert rows[MODEL]["ate_m"] < 0.25 * rows["no motion"]["ate_m"]
    assert rows[MODEL]["ate_m"] < 0.5 * rows["random actions"]["ate_m"]
    assert len(table["rows"][MODEL]["ate_m"]["by_seed"]) == 3
    for row in rows.values():
        assert row["ate_waypoints"] == pytest.approx(row["ate_m"] / SPACING_M, abs=5e-4)
    assert table["published"]["NWM"]["ate_waypoints"] == 1.13
    assert table["published"]["NWM"]["ate_m"] == pytest.approx(0.2825)


def straight(profile, rates, places):
    """Starts of one clip of 8 steps."""
    return Starts(np.arange(9)[None], np.zeros(1, int), rates[None], places)


def test_errors_of_paths_by_hand():
    rates = np.tile([1.0, 0.0], (8, 1))
    starts = straight(BASE, rates, None)
    assert {name: value.item() for name, value in RECON.errors(BASE, starts, rates[None]).items()} == {
        "ate_m": 0.0,
        "rpe_m": 0.0,
        "ate_waypoints": 0.0,
        "rpe_waypoints": 0.0,
    }
    still = RECON.errors(BASE, starts, 0.0 * rates[None])
    # Waypoints 1 to 8, a quarter of a metre apart.
    assert still["ate_waypoints"].item() == pytest.approx(np.sqrt(204 / 8))
    assert still["ate_m"].item() == pytest.approx(0.25 * np.sqrt(204 / 8))
    assert still["rpe_waypoints"].item() == pytest.approx(1.0)


def test_the_true_path_is_that_of_the_poses_wherever_it_began():
    rates = np.tile([1.0, 0.0], (8, 1))
    for start in (np.zeros(3), np.array([3.0, -2.0, 2.5])):
        poses = drive(start, rates[None])
        places = np.concatenate([start[None, None], poses], axis=1)
        # What the commands say does not count.
        starts = straight(BASE, 0.0 * rates, places)
        assert RECON.errors(BASE, starts, rates[None])["ate_m"].item() == pytest.approx(0.0, abs=1e-9)


def test_where_a_pose_is_not_known_the_commands_tell_the_path():
    rates = np.tile([1.0, 0.0], (2, 8, 1))
    places = np.concatenate([np.zeros((2, 1, 3)), drive(np.zeros(3), 0.5 * rates)], axis=1)
    places[1, 4] = np.nan
    starts = Starts(np.arange(9)[None].repeat(2, axis=0), np.arange(2), rates, places)
    assert starts.placed.tolist() == [True, False]
    np.testing.assert_allclose(RECON.errors(BASE, starts, 0.5 * rates)["ate_m"][0], 0.0, atol=1e-9)
    np.testing.assert_allclose(RECON.errors(BASE, starts, rates)["ate_m"][1], 0.0, atol=1e-9)
    assert "recorded poses in 1 of 2, and of the recorded commands" in RECON.remarks(starts)[0]
    assert len(starts.taken(starts.placed)) == 1


def test_ate_and_rpe_are_those_of_nwm_s_public_evaluation():
    """Computed with evo as its planning_eval.py does: waypoints with one heading for all, not aligned."""
    pytest.importorskip("evo")
    from evo import main_ape, main_rpe
    from evo.core.metrics import PoseRelation, Unit
    from evo.core.trajectory import PoseTrajectory3D

    draw = np.random.default_rng(0)
    true, ours = (draw.uniform([0.1, -0.5], [1.5, 0.5], (8, 2)) for _ in range(2))
    planned = RECON.errors(BASE, straight(BASE, true, None), ours[None])

    def trajectory(rates):
        places = np.zeros((8, 3))
        places[:, :2] = drive(np.zeros(3), rates[None])[0, :, :2] / SPACING_M
        turns = np.tile([0.0, 0.0, 0.0, 1.0], (8, 1))
        return PoseTrajectory3D(places, turns, np.arange(8.0))

    pair = trajectory(true), trajectory(ours)
    ape = main_ape.ape(*pair, pose_relation=PoseRelation.translation_part, align=False)
    rpe = main_rpe.rpe(*pair, pose_relation=PoseRelation.translation_part, delta=1.0, delta_unit=Unit.frames)
    assert planned["ate_waypoints"].item() == pytest.approx(ape.stats["rmse"])
    assert planned["rpe_waypoints"].item() == pytest.approx(rpe.stats["rmse"])


def test_a_base_that_can_go_sideways_is_one_too():
    forward, turn = BASE.action
    left = replace(forward, name="left", min=-1.0, field="twist.linear.y")
    profile = replace(BASE, action=(forward, left, turn))
    RECON.check(profile)
    assert twist_components(profile) == {0: 0, 1: 1, 2: 2}
    rates = np.tile([0.0, 1.0, 0.0], (8, 1))
    errors = RECON.errors(profile, straight(profile, 0.0 * rates, None), rates[None])
    assert errors["ate_waypoints"].item() == pytest.approx(np.sqrt(204 / 8))


def test_starts_do_not_overlap_and_are_of_few_episodes():
    recording, _ = arm_walk()
    starts = choose_starts(recording, 3, recording.labelled_episodes, 4)
    assert len(np.unique(starts.episode)) == 4
    for episode in np.unique(starts.episode):
        rows = starts.rows[starts.episode == episode]
        assert (rows[1:, 0] >= rows[:-1, -1]).all()
        assert rows.min() >= recording.episodes[episode].start
        assert rows.max() < recording.episodes[episode].stop
    again = choose_starts(recording, 3, recording.labelled_episodes, 4)
    np.testing.assert_array_equal(starts.rows, again.rows)
