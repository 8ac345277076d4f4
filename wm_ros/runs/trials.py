"""One goal after the other on a running graph: aim, arm the guard, watch, stop, judge by the robot's state."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from sensor_msgs.msg import Image

from wm_ros.messages.image import fill_image
from wm_ros.ros.graph_client import GraphClient
from wm_ros.ros.qos import LATCHED
from wm_ros.runs.explorer import Explorer
from wm_ros.runs.guard_client import GuardClient
from wm_ros.runs.observer import Observer
from wm_ros.safety.command_checks import seconds_to_zero
from wm_ros.tasks.protocol import Simulator, Task
from wm_ros.tasks.success import Criterion, Trial, score, settled

FIRST_PLAN_S = 10.0
# Seconds since the start; metres and, where it counts, heading in rad from the goal.
Progress = Callable[[float, float, float | None], None]


class Goals:
    """Random reachable goals and their pictures, from a simulator of its own in the robot's scene."""

    def __init__(self, task: Task, simulator: Simulator, seed: int) -> None:
        self._task, self._simulator = task, simulator
        self._generator = np.random.default_rng(seed)

    def draw(self, positions: np.ndarray) -> np.ndarray:
        """A pose [P] that is a task from `positions` [P]."""
        while True:
            goal = self._task.draw_goal(self._generator, positions)
            if goal is not None:
                return goal

    def picture(self, goal: np.ndarray) -> np.ndarray:
        """What the camera shows when the robot stands there."""
        self._simulator.place(goal)
        return self._simulator.render()


class Trials:
    """Runs trials of the model, which is shown a goal picture, and of random actions, through the same guard."""

    def __init__(
        self,
        client: GraphClient,
        task: Task,
        observer: Observer,
        explorer: Explorer,
        criterion: Criterion,
    ) -> None:
        self._client, self._observer, self._explorer = client, observer, explorer
        self._task, self._criterion = task, criterion
        self._guard = GuardClient(client)
        self._goal_images = client.node.create_publisher(Image, "goal_image", LATCHED)

    def positions(self) -> np.ndarray:
        """Where the robot is now [P]."""
        count = len(self._observer.states)
        self._client.until(lambda: len(self._observer.states) > count, "the robot's state", FIRST_PLAN_S)
        return self._observer.states[-1][1]

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
        first = len(self._observer.states) - 1
        self._guard.start()
        self._guard.await_motion(FIRST_PLAN_S)
        while True:
            stamps, positions = self._track(first)
            times = (stamps - stamps[0]) * 1e-9
            distances, headings = self._task.errors(positions, goal)
            progress(times[-1], distances[-1], None if headings is None else headings[-1])
            over = times[-1] >= self._criterion.limit_s
            over = over or settled(times, distances, self._criterion, headings)
            if over or self._guard.state == "stopped":
                break
            self._client.spin_once()
        stopped_by = "" if over else self._guard.message
        stop_ns = time.monotonic_ns()
        self._guard.stop()
        self._guard.await_stopped()
        commands = self._observer.commands
        return Trial(
            goal=goal,
            picture=picture,
            track=(stamps, positions),
            distances_m=distances,
            headings_rad=headings,
            score=score(times, distances, self._criterion, headings),
            stop_to_zero_s=seconds_to_zero(
                stop_ns,
                np.array([steady_ns for steady_ns, _ in commands]),
                np.array([vector for _, vector in commands]),
            ),
            stopped_by=stopped_by,
        )

    def _track(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        states = self._observer.states[first:]
        stamps = np.array([stamp for stamp, _ in states], dtype=np.int64)
        return stamps, np.array([positions for _, positions in states])
