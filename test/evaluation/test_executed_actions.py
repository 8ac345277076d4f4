"""Decoded latent actions are compared with the right motion: between the frame before and the frame itself."""

from types import SimpleNamespace

import numpy as np
import pytest

from wm_ros.evaluation.executed_actions import latent_action_r2
from wm_ros.robots.profile import load_profile

pytest.importorskip("mujoco")

from wm_ros.tasks.arm import rates

torch = pytest.importorskip("torch")

START = 1_700_000_000_000_000_000
CAMERA_NS, STATE_NS = 100_000_000, 20_000_000
STEP = 2  # camera frames per model step


class Decoder:
    """A model whose latent action is the robot action plus the first number of the state before."""

    device = torch.device("cpu")
    card = SimpleNamespace(robot=load_profile("arm"))

    def robot_action(self, latent_action, state):
        return latent_action - state[:, 0, :1]


@pytest.fixture
def seen():
    """Joints at 50 Hz on a smooth path, latents at 10 Hz, and the true latent actions."""
    times = np.arange(0, 400) * STATE_NS
    positions = np.stack([np.sin(times * 1e-9), np.cos(2e-9 * times)], axis=1)
    joints = [(START + int(time), position) for time, position in zip(times, positions, strict=True)]
    rng = np.random.default_rng(0)
    latents, latent_actions = {}, []
    for number in range(60):
        stamp, index = START + number * CAMERA_NS, number * 5
        latents[stamp] = rng.normal(size=(3, 4)).astype(np.float32)
        if number >= STEP:
            velocity = (positions[index] - positions[index - 5 * STEP]) / 0.2
            action = velocity + latents[stamp - STEP * CAMERA_NS][0, 0]
            latent_actions.append((stamp, action.astype(np.float32)))
    return latents, latent_actions, joints


def test_true_latent_actions_decode_perfectly(seen):
    assert latent_action_r2(Decoder(), *seen, rates) == pytest.approx(1.0, abs=1e-6)


def test_actions_of_another_moment_do_not(seen):
    latents, actions, joints = seen
    shifted = [(stamp, action) for (stamp, _), (_, action) in zip(actions[10:], actions, strict=False)]
    assert latent_action_r2(Decoder(), latents, shifted, joints, rates) < 0.5


def test_actions_without_their_frame_or_motion_are_left_out(seen):
    latents, actions, joints = seen
    for stamp in list(latents)[10:20]:
        del latents[stamp]
    wrong = actions[-1][0] + 50 * CAMERA_NS
    assert latent_action_r2(
        Decoder(), latents, [*actions, (wrong, actions[0][1])], joints, rates
    ) == pytest.approx(1.0)


def test_nothing_seen_gives_no_figure(seen):
    latents, actions, joints = seen
    assert latent_action_r2(Decoder(), {}, actions, joints, rates) is None
    assert latent_action_r2(Decoder(), latents, [], joints, rates) is None
    assert latent_action_r2(Decoder(), latents, actions, [], rates) is None
