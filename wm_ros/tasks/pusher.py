"""The embedded pusher: an arm's finger pushes a puck about in a tray, seen by a ray-cast camera."""

from __future__ import annotations

import mujoco
import numpy as np

from wm_ros.robots.profile import RobotProfile, load_profile
from wm_ros.tasks import arm, tray
from wm_ros.tasks.arm import tip_position
from wm_ros.tasks.camera import RayCamera
from wm_ros.tasks.pushing import Pushes, PushSettings
from wm_ros.tasks.scene import FOREARM_M, UPPER_ARM_M
from wm_ros.tasks.table_arm import JOINTS, TableArm

# A goal to which the puck must be moved less than this is no task.
MOVED_M = 0.06
CLEAR_M = tray.PUCK_RADIUS_M + tray.FINGER_RADIUS_M + 0.01  # between finger and puck at a start
BRIGHTNESS = (0.85, 1.0)  # by seed
# Targets of recorded motion: where the puck can be, and round that.
ROUND_M = 0.055
LOW_M, HIGH_M = np.array(tray.LOW_M) - ROUND_M, np.array(tray.HIGH_M) + ROUND_M
AIM_STD_M, SPEED_M_S = 0.018, 0.25
NEAREST_M, FARTHEST_M = 0.125, 0.395  # of the finger from the base
DAMPING_M2 = 1e-4  # of the inverse kinematics, where the arm is almost straight or folded


class PusherArm(TableArm):
    """Physics and camera of arm and puck; light and start follow the seed, the motion the commands.

    width, height: camera image in pixels.
    """

    def __init__(self, seed: int = 0, width: int = 64, height: int = 64) -> None:
        self._model = mujoco.MjModel.from_xml_string(tray.TRAY_XML)
        self._data = mujoco.MjData(self._model)
        self._colours = self._model.geom_rgba.copy()
        self._puck = [self._model.joint(name).qposadr[0] for name in ("puck_x", "puck_y")]
        self._arm = [self._model.joint(name).qposadr[0] for name in JOINTS]
        self._camera = RayCamera(
            tray.CAMERA_POSITION_M, tray.CAMERA_TARGET_M, tray.CAMERA_FOVY_RAD, width, height
        )
        self.reset(seed)

    def reset(self, seed: int, positions: np.ndarray | None = None) -> None:
        """Light the tray by this seed, all at rest in `positions` [4] (default: drawn from the seed)."""
        self.seed = seed
        brightness = np.random.default_rng(seed).uniform(*BRIGHTNESS)
        self._model.geom_rgba[:, :3] = self._colours[:, :3] * brightness
        self._camera.new_scene()
        self._data.time = 0.0
        if positions is None:
            positions = random_positions(np.random.default_rng([seed, 1]))
        self.place(positions)

    def place(self, positions: np.ndarray) -> None:
        """Be at rest in a state [4]: shoulder and elbow rad, puck x and y m."""
        time_s = self._data.time
        mujoco.mj_resetData(self._model, self._data)  # no contact of what was before is remembered
        self._data.time = time_s
        self._data.qpos[[*self._arm, *self._puck]] = positions
        mujoco.mj_forward(self._model, self._data)

    @property
    def positions(self) -> np.ndarray:
        """Shoulder and elbow in rad, puck x and y in m [4]."""
        state: np.ndarray = self._data.qpos[[*self._arm, *self._puck]]
        return state

    @property
    def velocities(self) -> np.ndarray:
        """Their rates [4]."""
        rates: np.ndarray = self._data.qvel[[*self._arm, *self._puck]]  # slides and hinges: numbered alike
        return rates


def random_positions(generator: np.random.Generator) -> np.ndarray:
    """A state [4]: the puck anywhere in the tray, the finger in or round the tray and clear of it."""
    puck = generator.uniform(tray.LOW_M, tray.HIGH_M)
    while True:
        tip = generator.uniform(LOW_M, HIGH_M)
        if NEAREST_M <= np.linalg.norm(tip) <= FARTHEST_M and np.linalg.norm(tip - puck) >= CLEAR_M:
            return np.concatenate([joint_angles(tip), puck])


def joint_angles(tip: np.ndarray) -> np.ndarray:
    """Shoulder and elbow [2] rad that bring the finger to a position [2] m, the elbow to the right of it."""
    reach = float(np.linalg.norm(tip))
    cosine = (reach**2 - UPPER_ARM_M**2 - FOREARM_M**2) / (2 * UPPER_ARM_M * FOREARM_M)
    elbow = np.arccos(np.clip(cosine, -1.0, 1.0))
    beside = np.arctan2(FOREARM_M * np.sin(elbow), UPPER_ARM_M + FOREARM_M * np.cos(elbow))
    return np.array([np.arctan2(tip[1], tip[0]) - beside, elbow])


def joint_rates(positions: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Joint rates [2] rad/s that move the finger at a velocity [2] m/s in a state [4], by damped least squares."""
    shoulder, both = positions[0], positions[0] + positions[1]
    far = FOREARM_M * np.array([-np.sin(both), np.cos(both)])
    jacobian = np.stack([UPPER_ARM_M * np.array([-np.sin(shoulder), np.cos(shoulder)]) + far, far], axis=1)
    rates: np.ndarray = np.linalg.solve(jacobian.T @ jacobian + DAMPING_M2 * np.eye(2), jacobian.T @ velocity)
    return rates


def pushes(profile: RobotProfile, generator: np.random.Generator) -> Pushes:
    """Recorded motion of one episode."""
    settings = PushSettings(
        places=lambda positions: (tip_position(positions[:2]), positions[2:]),
        low=LOW_M,
        high=HIGH_M,
        aim_std_m=AIM_STD_M,
        speed_m_s=SPEED_M_S,
        command=joint_rates,
    )
    return Pushes(settings, profile, generator)


def goal_motion(generator: np.random.Generator) -> Pushes:
    """Recorded motion of the packaged profile, for goals."""
    return pushes(load_profile("pusher"), generator)


def puck_must_move(start: np.ndarray, goal: np.ndarray) -> bool:
    """Whether the puck lies elsewhere in the goal."""
    distance, _ = errors(start, goal)
    return bool(distance >= MOVED_M)


def errors(positions: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, None]:
    """Metres [...] of the puck between states [..., 4] and the goal [4]; the arm is free."""
    return np.linalg.norm(positions[..., 2:] - goal[2:], axis=-1), None


def rates(before: np.ndarray, after: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Mean joint velocities [S, 2] between states [S, 4] so many seconds [S] apart."""
    return arm.rates(before[:, :2], after[:, :2], seconds)


def parts(positions: np.ndarray) -> dict[str, np.ndarray]:
    """Places of finger and puck [S, 2] m in states [S, 4]."""
    return {"finger": tip_position(positions[:, :2]), "puck": positions[:, 2:]}
