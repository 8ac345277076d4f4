"""Places and displacements: sums of commands for joints, arcs driven one after the other for a base."""

import math

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model

from wm_ros.models.goal_distance import GoalDistance, length
from wm_ros.robots.profile import load_profile
from wm_ros.training.goal_distance import integrate_commands

DT, SCALE, CIRCLE = 0.2, torch.tensor([0.5, 1.5]), 2.0


def driven(actions, fine=2000):
    """Position in metres and heading after each action [T, 2], by very many small steps."""
    x = y = heading = 0.0
    seen = [(x, y, heading)]
    for forward, turn in actions.tolist():
        for _ in range(fine):
            heading += turn * DT / fine / 2
            x += forward * DT / fine * math.cos(heading)
            y += forward * DT / fine * math.sin(heading)
            heading += turn * DT / fine / 2
        seen.append((x, y, heading))
    return torch.tensor(seen, dtype=torch.float64)


def test_a_base_is_where_its_commands_drove_it():
    actions = torch.tensor(
        [[0.5, 0.0], [0.2, 1.5], [-0.3, -1.0], [0.0, 1.2], [0.4, 0.7]], dtype=torch.float64
    )
    found = integrate_commands(actions[None], SCALE, DT, CIRCLE)[0]
    true = driven(actions)
    torch.testing.assert_close(found[:, :2] * SCALE[0] * DT, true[:, :2], atol=1e-6, rtol=0)
    torch.testing.assert_close(found[:, 2], CIRCLE * true[:, 2].cos())
    torch.testing.assert_close(found[:, 3], CIRCLE * true[:, 2].sin())


def test_a_displacement_of_a_base_does_not_depend_on_where_it_began():
    distance = GoalDistance(1, 4, 2, heading_radius=CIRCLE)
    actions = torch.rand(64, 5, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    from_origin = integrate_commands(actions, SCALE, DT, CIRCLE)
    later = integrate_commands(actions[:, 2:], SCALE, DT, CIRCLE)
    torch.testing.assert_close(
        distance.displacement(from_origin[:, 2], from_origin[:, 5]),
        distance.displacement(later[:, 0], later[:, 3]),
        atol=1e-5,
        rtol=0,
    )
    # One step straight ahead at full rate is one ahead, and the heading stays.
    ahead = integrate_commands(torch.tensor([[[0.5, 0.0]]]), SCALE, DT, CIRCLE)[0]
    torch.testing.assert_close(distance.displacement(*ahead), torch.tensor([1.0, 0.0, CIRCLE, 0.0]))


def test_joints_are_where_the_sum_of_their_commands_is():
    actions = torch.tensor([[[1.0, -3.0], [0.5, 1.5]]])
    found = integrate_commands(actions, SCALE, DT, None)
    torch.testing.assert_close(found, torch.tensor([[[0.0, 0.0], [2.0, -2.0], [3.0, -1.0]]]))
    joints = GoalDistance(1, 4, 2)
    torch.testing.assert_close(joints.displacement(found[:, 0], found[:, 2]), torch.tensor([[3.0, -1.0]]))


def test_the_heading_of_a_base_lies_on_a_circle_and_counts_less_than_its_position():
    model = small_model(load_profile("diff_drive"))
    embedded = model.goal_distance.embed(torch.randn(7, model.encoder.tokens, model.encoder.dim))
    assert embedded.shape == (7, 4)
    # A full turn takes 2 pi / (1 rad/s * .2 s) steps at full rate; half of one is twice the radius.
    radius = 0.8 / (1.0 * 0.2)
    torch.testing.assert_close(length(embedded[:, 2:]), torch.full((7,), radius), atol=1e-4, rtol=0)
    assert small_model(load_profile("arm")).goal_distance.embed[-1].out_features == 2


@pytest.mark.parametrize(
    ("name", "base"),
    [("diff_drive", True), ("diff_drive_unstamped", True), ("arm", False), ("franka_twist", False)],
)
def test_which_robots_are_bases(name, base):
    assert load_profile(name).is_base is base
