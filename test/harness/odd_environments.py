"""Gymnasium environments as they should not be, and one that nobody said anything about."""

from __future__ import annotations

import gymnasium
import numpy as np
from gymnasium import spaces


class Slider(gymnasium.Env):
    """A grey square on a line that goes by its action at each of ten steps a second, and calls that done at once."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    action_space = spaces.Box(-1.0, 1.0, (1,))
    observation_space = spaces.Box(-10.0, 10.0, (1,))

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.at = self.np_random.uniform(-0.5, 0.5, size=1)
        return self.at.copy(), {}

    def step(self, action):
        assert action.dtype == np.float32
        self.at = self.at + 0.1 * action
        return self.at.copy(), 0.0, True, False, {}

    def render(self):
        picture = np.zeros((100, 100, 3), np.uint8)
        left = round(50 + 30 * float(np.clip(self.at[0], -1, 1)))
        picture[40:60, left - 10 : left + 10] = 128
        return picture


class Blind(Slider):
    metadata = {"render_modes": ["human"], "render_fps": 10}  # noqa: RUF012


class Hurried(Slider):
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012


class Named(Slider):
    action_space = spaces.Dict({"push": spaces.Box(-1.0, 1.0, (1,))})


class Plural(Slider):
    action_space = spaces.Box(-1.0, 1.0, (3,))


class Gentle(Slider):
    action_space = spaces.Box(-0.1, 0.1, (1,))


class Watchful(Slider):
    def reset(self, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        return {"at": observation}, info


class Faint(Slider):
    def render(self):
        return super().render() / 255.0


for kind in (Slider, Blind, Hurried, Named, Plural, Gentle, Watchful, Faint):
    gymnasium.register(f"odd/{kind.__name__}-v0", entry_point=kind)
