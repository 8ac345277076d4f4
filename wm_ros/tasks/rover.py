"""The embedded rover: a differential drive in a room, with a camera that looks ahead."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from wm_ros.tasks import room
from wm_ros.tasks.camera import RidingCamera
from wm_ros.tasks.timestep import TIMESTEP_S, whole_steps

COMPONENTS = ("forward", "turn")
LAG_S = 0.06  # time constant of the drives
FOLLOW = 1.0 - math.exp(-TIMESTEP_S / LAG_S)
CAMERA_AHEAD_M, CAMERA_UP_M = 0.14, 0.24
CAMERA_DOWN_RAD = 0.12
CAMERA_FOVY_RAD = 1.66
# A goal lies at the end of a drive of a few arcs, each driven at (forward m/s, turn rad/s) for so many seconds.
GOAL_ARCS, GOAL_ARC_S, GOAL_SPEED, GOAL_TURN = (1, 3), (0.8, 1.6), (0.25, 0.55), 0.9
MIN_START_DISTANCE_M = 0.50
BRIGHTNESS = (0.85, 1.0)  # by seed
# Starts stay this far from the walls; goals farther, where a view shows more than one panel.
START_MARGIN_M = 0.45
GOAL_MARGIN_M = 0.60


class Rover:
    """Motion and camera of a rover in the room; light and start follow the seed, the motion the commands.

    width, height: camera image in pixels.
    """

    components = COMPONENTS
    timestep_s = TIMESTEP_S

    def __init__(self, seed: int = 0, width: int = 64, height: int = 64) -> None:
        self._model = mujoco.MjModel.from_xml_string(room.room_xml())
        self._data = mujoco.MjData(self._model)
        mujoco.mj_kinematics(self._model, self._data)
        self._colours = self._model.geom_rgba.copy()
        self._camera = RidingCamera(CAMERA_FOVY_RAD, width, height, room.pictures())
        self.reset(seed)

    def reset(self, seed: int, positions: np.ndarray | None = None) -> None:
        """Light the room by this seed, the rover still at `positions` (default: drawn from the seed)."""
        self.seed = seed
        brightness = np.random.default_rng(seed).uniform(*BRIGHTNESS)
        self._model.geom_rgba[:, :3] = self._colours[:, :3] * brightness
        self._steps = 0
        if positions is None:
            positions = random_positions(np.random.default_rng([seed, 1]))
        self.place(positions)

    def place(self, positions: np.ndarray) -> None:
        """Stand the rover still at `positions` [3] (x m, y m, yaw rad), in the same light."""
        self._pose = tuple(float(value) for value in positions)
        self._drive = self._moved = (0.0, 0.0)

    def step(self, velocity: np.ndarray, duration_s: float) -> None:
        """Hold the command [2] (forward m/s, turn rad/s) for `duration_s`, a multiple of the 5 ms physics step."""
        steps = whole_steps(duration_s)
        command = float(velocity[0]), float(velocity[1])
        for _ in range(steps):
            self._step(*command)
        self._steps += steps

    def _step(self, forward: float, turn: float) -> None:
        """The drives follow, the wheels do not slip sideways, and what stands in the way stops it."""
        forward = self._drive[0] + FOLLOW * (forward - self._drive[0])
        turn = self._drive[1] + FOLLOW * (turn - self._drive[1])
        x, y, yaw = self._pose
        ahead_x, ahead_y = math.cos(yaw + 0.5 * TIMESTEP_S * turn), math.sin(yaw + 0.5 * TIMESTEP_S * turn)
        step_m = TIMESTEP_S * forward
        new_x, new_y = room.keep_clear(x + step_m * ahead_x, y + step_m * ahead_y)
        self._drive = forward, turn
        self._moved = ((new_x - x) * ahead_x + (new_y - y) * ahead_y) / TIMESTEP_S, turn
        self._pose = new_x, new_y, yaw + TIMESTEP_S * turn

    @property
    def time_s(self) -> float:
        """Simulated seconds since the reset."""
        return self._steps * TIMESTEP_S

    @property
    def positions(self) -> np.ndarray:
        """Pose [3] in the room: x m, y m, yaw rad, which counts whole turns."""
        return np.array(self._pose)

    @property
    def velocities(self) -> np.ndarray:
        """Forward m/s and turn rad/s [2] over the ground, in the rover's own frame."""
        return np.array(self._moved)

    def render(self) -> np.ndarray:
        """Camera image now, [height, width, 3] uint8 RGB."""
        x, y, yaw = self._pose
        ahead, level = np.array([math.cos(yaw), math.sin(yaw), 0.0]), math.cos(CAMERA_DOWN_RAD)
        position = CAMERA_AHEAD_M * ahead + [x, y, CAMERA_UP_M]
        direction = level * ahead - [0.0, 0.0, math.sin(CAMERA_DOWN_RAD)]
        return self._camera.render(self._model, self._data, position, direction)

    @property
    def focal_px(self) -> float:
        """Focal length of the camera in pixels, for camera_info."""
        return float(self._camera.focal_px)


def random_positions(generator: np.random.Generator, margin_m: float = START_MARGIN_M) -> np.ndarray:
    """A pose [3] somewhere in the room away from the walls, looking anywhere."""
    x, y = generator.uniform(-1.0, 1.0, size=2) * (room.HALF_M - margin_m)
    return np.array([x, y, generator.uniform(-np.pi, np.pi)])


def draw_goal(generator: np.random.Generator, positions: np.ndarray) -> np.ndarray | None:
    """A pose [3] to which a smooth drive of a few seconds leads from `positions` [3].

    None when it is too near to there or to a wall. One drive in four goes backwards, away from a wall that it faces.
    """
    goal = np.array(positions, dtype=np.float64)
    ahead = -0.5 if generator.uniform() < 0.25 else 1.0
    for _ in range(generator.integers(*GOAL_ARCS, endpoint=True)):
        seconds, speed = generator.uniform(*GOAL_ARC_S), ahead * generator.uniform(*GOAL_SPEED)
        goal = _arc(goal, speed, generator.uniform(-GOAL_TURN, GOAL_TURN), seconds)
    apart, _ = errors(goal, positions)
    free = (np.abs(goal[:2]) <= room.HALF_M - GOAL_MARGIN_M).all()
    return goal if free and apart >= MIN_START_DISTANCE_M else None


def errors(positions: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres and absolute angle [...] rad between poses [..., 3] and the goal [3]."""
    distance = np.linalg.norm(positions[..., :2] - goal[:2], axis=-1)
    turn = positions[..., 2] - goal[2]
    return distance, np.abs((turn + np.pi) % (2.0 * np.pi) - np.pi)


def rates(before: np.ndarray, after: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Mean forward m/s and turn rad/s [S, 2] between poses [S, 3] so many seconds [S] apart, less than half a turn."""
    turned = (after[:, 2] - before[:, 2] + np.pi) % (2.0 * np.pi) - np.pi
    middle = before[:, 2] + 0.5 * turned
    ahead = np.stack([np.cos(middle), np.sin(middle)], axis=-1)
    chord = ((after[:, :2] - before[:, :2]) * ahead).sum(axis=-1)
    driven = np.stack([chord / np.sinc(0.5 * turned / np.pi), turned], axis=-1)
    per_second: np.ndarray = driven / seconds[:, None]
    return per_second


def _arc(pose: np.ndarray, forward: float, turn: float, seconds: float) -> np.ndarray:
    """The pose after a piece of a circle."""
    middle, chord = pose[2] + 0.5 * turn * seconds, forward * seconds * np.sinc(0.5 * turn * seconds / np.pi)
    reached: np.ndarray = pose + np.array(
        [chord * math.cos(middle), chord * math.sin(middle), turn * seconds]
    )
    return reached


def parts(positions: np.ndarray) -> dict[str, np.ndarray]:
    """Place [S, 2] m and heading, as cosine and sine [S, 2], of states [S, 3]."""
    heading = positions[:, 2]
    return {"place": positions[:, :2], "heading": np.stack([np.cos(heading), np.sin(heading)], axis=1)}
