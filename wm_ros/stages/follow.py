"""Follow: where on a demonstration the robot is, and what to plan for from there."""

from __future__ import annotations

import math

from torch import Tensor

from wm_ros.planning.demonstration import Demonstration

# How far ahead a robot that has left the way is looked for, in model steps.
AHEAD = 2
# A robot that comes no nearer for so many model steps, but is as near as so many times the tolerance, is as near as it
# can be: in another scene the same place may look as far off as that.
PATIENCE, CLOSE = 5.0, 2.0
NEARER = 0.1  # of the tolerance: what counts as nearer


class Follower:
    """A moment of the demonstration, in model steps from its begin, that goes on with time and waits for the robot.

    tolerance: goal distance within which the robot is where the demonstration is. Farther away, time does not count:
    the robot goes to where it should be, or on from where it is if that is a little later. The nearest frame alone
    would not do: where the demonstration turns back, or rests, the same place comes twice, and the robot would stand
    there, or leave something out.

    near: it is within the tolerance, or comes no nearer and is twice as far at most. left: model steps to the end, and
    how far off it is.
    """

    def __init__(self, demonstration: Demonstration, tolerance: float) -> None:
        self.demonstration, self._tolerance = demonstration, tolerance
        self._last = len(demonstration) - 1
        self.at, self.near, self.left = 0.0, False, float(self._last)
        self._nearest, self._waited = math.inf, 0.0

    def __call__(self, place: Tensor, passed: float) -> None:
        """Go on to where the robot is, placed at [P], so many model steps after the last call."""
        reach = min(self.at + passed, self._last)
        begin, due = round(self.at), round(reach)
        places = self.demonstration.places[begin : max(due, begin + AHEAD) + 1]
        distances = (places - place).norm(dim=1).tolist()
        nearest = min(range(len(distances)), key=distances.__getitem__)
        self.near = distances[nearest] <= self._tolerance
        off = distances[0]
        self._wait(off, passed)
        if self._waited >= PATIENCE and off <= CLOSE * self._tolerance:
            self.at, self.near, off = reach, True, distances[due - begin]
        elif min(distances[0], distances[due - begin]) <= self._tolerance:
            self.at, off = reach, distances[due - begin]
        elif self.near:
            self.at, off = float(begin + nearest), distances[nearest]
        self.left = off + self._last - self.at

    def _wait(self, off: float, passed: float) -> None:
        """Count for how long the robot has been off the way without coming nearer."""
        if off <= self._tolerance or off < self._nearest - NEARER * self._tolerance:
            self._nearest, self._waited = (math.inf if off <= self._tolerance else off), 0.0
        else:
            self._waited += passed

    def goals(self, steps: int) -> Tensor:
        """What to be at [H, N, D] after each of the next model steps."""
        ahead = self.demonstration.ahead(self.at, steps)
        return ahead if self.near else self.demonstration.ahead(self.at - 1, 1).expand_as(ahead)
