"""What experts do in demonstrations: legs to states or for a time, drawn so that the last picture hides the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wm_ros.tasks import arm, pusher, rover, tray

GAIN_HZ = 5.0  # 1/s, from what is left to a rate
PAUSE_S = 0.4
ARM_RAD_S, ARM_THERE_RAD, ARM_FAR_M, ARM_TURN_RAD = 0.9, 0.05, 0.15, 1.8
ARM_NEAR_RAD = 0.3
ROVER_NEAR_M, ROVER_NEAR_RAD = 0.15, 0.15
PUSH_M_S, PUSH_THERE_M = 0.15, 0.008
PUSHED_M = 0.09
BESIDE_M = 0.075  # from the puck's centre: the finger passes freely
TOUCH_M = tray.PUCK_RADIUS_M + tray.FINGER_RADIUS_M
FINGER_NEAR_M, PUCK_NEAR_M = 0.02, 0.01


@dataclass(frozen=True)
class Leg:
    """A part of the way. rates(state [P]): the command [A] for it; over(state, seconds since its begin): it is done."""

    rates: Callable[[np.ndarray], np.ndarray]
    over: Callable[[np.ndarray, float], bool]


@dataclass(frozen=True)
class Way:
    """A start [P] and the legs from there. stops: the legs whose ends count, in order; the last leg's always does.

    keep_out: centre [2] m and radius m of where the robot must not be, if anywhere.
    """

    start: np.ndarray
    legs: tuple[Leg, ...]
    stops: tuple[int, ...] = ()
    keep_out: tuple[np.ndarray, float] | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of demonstration. draw(generator): a way, None when what was drawn is none. near(generator, start [P]):
    another start near that one. place: which of a task's `parts` the way is measured by."""

    draw: Callable[[np.random.Generator], Way | None]
    near: Callable[[np.random.Generator, np.ndarray], np.ndarray]
    place: str


def _to_joints(target: np.ndarray) -> Leg:
    def rates(state: np.ndarray) -> np.ndarray:
        wanted = GAIN_HZ * (target - state)
        return np.asarray(wanted * min(1.0, ARM_RAD_S / max(float(np.abs(wanted).max()), 1e-9)))

    return Leg(rates, lambda state, seconds: bool(np.abs(target - state).max() < ARM_THERE_RAD))


def _to_tip(target: np.ndarray) -> Leg:
    def rates(state: np.ndarray) -> np.ndarray:
        left = target - pusher.tip_position(state[:2])
        wanted = GAIN_HZ * left * min(1.0, PUSH_M_S / max(GAIN_HZ * float(np.linalg.norm(left)), 1e-9))
        return pusher.joint_rates(state, wanted).clip(-1.5, 1.5)

    def over(state: np.ndarray, seconds: float) -> bool:
        return bool(np.linalg.norm(target - pusher.tip_position(state[:2])) < PUSH_THERE_M)

    return Leg(rates, over)


def _held(rates: tuple[float, ...], seconds: float) -> Leg:
    held = np.array(rates)
    return Leg(lambda state: held, lambda state, passed: passed >= seconds - 1e-6)


def _arm_there_and_back(generator: np.random.Generator) -> Way | None:
    start, far = arm.random_positions(generator), arm.random_positions(generator)
    if not _apart(start, far):
        return None
    return Way(start, (_to_joints(far), _held((0.0, 0.0), PAUSE_S), _to_joints(start)), stops=(0,))


def _arm_round(generator: np.random.Generator) -> Way | None:
    """Past a third pose: where the shortest way of the joints leads through is forbidden."""
    start, past, goal = (arm.random_positions(generator) for _ in range(3))
    if not (_apart(start, goal) and _apart(start, past) and _apart(past, goal)):
        return None
    centre, radius = arm.tip_position((start + goal) / 2), 0.05
    shares = np.linspace(0.0, 1.0, 20)[:, None]
    shown = np.concatenate([start + shares * (past - start), past + shares * (goal - past)])
    if np.linalg.norm(arm.tip_position(shown) - centre, axis=1).min() < 2 * radius:
        return None
    return Way(start, (_to_joints(past), _to_joints(goal)), keep_out=(centre, radius))


def _apart(one: np.ndarray, other: np.ndarray) -> bool:
    far = np.linalg.norm(arm.tip_position(one) - arm.tip_position(other)) >= ARM_FAR_M
    return bool(far and np.abs(one - other).max() <= ARM_TURN_RAD)


def _rover_there_and_back(generator: np.random.Generator) -> Way | None:
    turn, seconds = generator.uniform(-0.5, 0.5), generator.uniform(2.0, 3.0)
    back = 0.25 / 0.4
    legs = (
        _held((0.4, turn), seconds),
        _held((0.0, 0.0), PAUSE_S),
        _held((-0.25, -turn * back), seconds / back),
    )
    return _rover_way(generator, legs, (0,), seconds * 0.4)


def _rover_round(generator: np.random.Generator) -> Way | None:
    """To one side and back to the line: straight ahead is forbidden in the middle."""
    side = generator.choice([-0.9, 0.9])
    parts = ((side, 0.9), (0.0, 0.8), (-side, 1.8), (0.0, 0.8), (side, 0.9))
    legs = tuple(_held((0.4, turn), seconds) for turn, seconds in parts)
    way = _rover_way(generator, legs, (), 1.7)
    if way is None:
        return None
    x, y, yaw = way.start
    centre = np.array([x, y]) + 0.85 * np.array([np.cos(yaw), np.sin(yaw)])
    return Way(way.start, legs, keep_out=(centre, 0.2))


def _rover_way(
    generator: np.random.Generator, legs: tuple[Leg, ...], stops: tuple[int, ...], ahead_m: float
) -> Way | None:
    start = rover.random_positions(generator, rover.GOAL_MARGIN_M)
    end = start[:2] + ahead_m * np.array([np.cos(start[2]), np.sin(start[2])])
    free = np.abs(end).max() <= rover.room.HALF_M - rover.GOAL_MARGIN_M
    return Way(start, legs, stops) if free else None


def _pusher_other_side(generator: np.random.Generator) -> Way | None:
    """The finger begins where the puck is to go, and must round it first."""
    puck = generator.uniform(tray.LOW_M, tray.HIGH_M)
    angle, side = generator.uniform(-np.pi, np.pi), generator.choice([-1.0, 1.0])
    ahead = np.array([np.cos(angle), np.sin(angle)])
    beside = side * np.array([-ahead[1], ahead[0]])
    goal = puck + PUSHED_M * ahead
    tips = [
        puck + BESIDE_M * ahead,
        puck + BESIDE_M * beside,
        puck - BESIDE_M * ahead,
        goal - TOUCH_M * ahead,
    ]
    inside = (goal >= tray.LOW_M).all() and (goal <= tray.HIGH_M).all()
    known = all((tip >= pusher.LOW_M).all() and (tip <= pusher.HIGH_M).all() for tip in tips)
    if not inside or not known or not all(_in_reach(tip) for tip in tips):
        return None
    start = np.concatenate([pusher.joint_angles(tips[0]), puck])
    return Way(start, tuple(_to_tip(tip) for tip in tips[1:]))


def _in_reach(tip: np.ndarray) -> bool:
    return bool(pusher.NEAREST_M <= np.linalg.norm(tip) <= pusher.FARTHEST_M)


def _near_arm(generator: np.random.Generator, start: np.ndarray) -> np.ndarray:
    limit = np.array([arm.scene.SHOULDER_LIMIT_RAD, arm.scene.ELBOW_LIMIT_RAD]) - arm.LIMIT_MARGIN_RAD
    return (start + generator.uniform(-ARM_NEAR_RAD, ARM_NEAR_RAD, size=2)).clip(-limit, limit)


def _near_rover(generator: np.random.Generator, start: np.ndarray) -> np.ndarray:
    spread = np.array([ROVER_NEAR_M, ROVER_NEAR_M, ROVER_NEAR_RAD])
    return np.asarray(start + spread * generator.uniform(-1.0, 1.0, size=3))


def _near_pusher(generator: np.random.Generator, start: np.ndarray) -> np.ndarray:
    puck = (start[2:] + generator.uniform(-PUCK_NEAR_M, PUCK_NEAR_M, size=2)).clip(tray.LOW_M, tray.HIGH_M)
    away = pusher.tip_position(start[:2]) + generator.uniform(-FINGER_NEAR_M, FINGER_NEAR_M, size=2) - puck
    away *= max(1.0, pusher.CLEAR_M / float(np.linalg.norm(away)))
    return np.concatenate([pusher.joint_angles(puck + away), puck])


KINDS: Mapping[str, Mapping[str, Kind]] = {
    "arm": {
        "there and back": Kind(_arm_there_and_back, _near_arm, "fingertip"),
        "round an obstacle": Kind(_arm_round, _near_arm, "fingertip"),
    },
    "rover": {
        "there and back": Kind(_rover_there_and_back, _near_rover, "place"),
        "round an obstacle": Kind(_rover_round, _near_rover, "place"),
    },
    "pusher": {"from the other side": Kind(_pusher_other_side, _near_pusher, "puck")},
}
