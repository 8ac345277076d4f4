"""One goal after the other on a running graph: aim, arm the guard, watch, stop, judge by the joints."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from sensor_msgs.msg import Image

from wm_ros.evaluation.closed_loop import Criterion, Trial, score, seconds_to_zero, settled
from wm_ros.messages.image import fill_image
from wm_ros.nodes.client import Client
from wm_ros.nodes.explorer import Explorer
from wm_ros.nodes.guard_client import GuardClient
from wm_ros.nodes.observer import Observer
from wm_ros.nodes.qos import LATCHED
from wm_ros.sim.arm import Arm, far_apart, random_positions, tip_position

FIRST_PLAN_S = 10.0
Progress = Callable[[float, float], None]  # seconds since the start, metres from the goal


class Goals:
    """Random reachable goals and their pictures, from an arm of its own in the robot's scene."""

    def __init__(self, scene_seed: int, seed: int) -> None:
        self._arm = Arm(scene_seed)
        self._generator = np.random.default_rng(seed)

    def draw(self, positions: np.ndarray) -> np.ndarray:
        """Joint angles [A] rad whose fingertip is away from the one at `positions`."""
        while True:
            goal = random_positions(self._generator)
            if far_apart(positions, goal):
                return goal

    def picture(self, goal: np.ndarray) -> np.ndarray:
        """What the camera shows when the arm stands there."""
        self._arm.place(goal)
        return self._arm.render()


class Trials:
    """Runs trials of the model, which is shown a goal picture, and of random actions, through the same guard."""

    def __init__(
        self,
        client: Client,
        observer: Observer,
        explorer: Explorer,
        criterion: Criterion,
    ) -> None:
        self._client, self._observer, self._explorer = client, observer, explorer
        self._criterion = criterion
        self._guard = GuardClient(client)
        self._goal_images = client.node.create_publisher(Image, "goal_image", LATCHED)

    def positions(self) -> np.ndarray:
        """Where the joints are now [A]."""
        seen = len(self._observer.joints)
        self._client.until(lambda: len(self._observer.joints) > seen, "joint states", FIRST_PLAN_S)
        return self._observer.joints[-1][1]

    def by_model(self, goal: np.ndarray, picture: np.ndarray, progress: Progress) -> Trial:
        """Show the picture to the planner and let it drive."""
        message = fill_image(Image(), picture)
        message.header.stamp = self._client.node.get_clock().now().to_msg()
        self._goal_images.publish(message)
        trial = self._run(goal, picture, progress)
        self._client.call("pipeline/reset")  # no more plans to this goal
        return trial

    def at_random(self, goal: np.ndarray, picture: np.ndarray, progress: Progress) -> Trial:
        """Random actions instead; nobody is shown the picture."""
        self._explorer.exploring = True
        try:
            return self._run(goal, picture, progress)
        finally:
            self._explorer.exploring = False

    def _run(self, goal: np.ndarray, picture: np.ndarray, progress: Progress) -> Trial:
        self.positions()
        first = len(self._observer.joints) - 1
        self._guard.start()
        self._guard.await_motion(FIRST_PLAN_S)
        while True:
            stamps, positions, distances = self._track(first, goal)
            times = (stamps - stamps[0]) * 1e-9
            progress(times[-1], distances[-1])
            over = times[-1] >= self._criterion.limit_s or settled(times, distances, self._criterion)
            if over or self._guard.state == "stopped":
                break
            self._client.spin_once()
        stopped_by = "" if over else self._guard.message
        stop_ns = time.monotonic_ns()
        self._guard.stop()
        self._guard.await_silence()
        commands = self._observer.commands
        return Trial(
            goal=goal,
            picture=picture,
            joints=(stamps, positions),
            distances_m=distances,
            score=score(times, distances, self._criterion),
            stop_to_zero_s=seconds_to_zero(
                stop_ns,
                np.array([steady_ns for steady_ns, _ in commands]),
                np.array([vector for _, vector in commands]),
            ),
            stopped_by=stopped_by,
        )

    def _track(self, first: int, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        joints = self._observer.joints[first:]
        stamps = np.array([stamp for stamp, _ in joints], dtype=np.int64)
        positions = np.array([position for _, position in joints])
        distances = np.linalg.norm(tip_position(positions) - tip_position(goal), axis=-1)
        return stamps, positions, distances
