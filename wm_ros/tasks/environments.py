"""The Gymnasium environments of which more is known than that they render and take a Box."""

from __future__ import annotations

from wm_ros.tasks.pusht_robot import PUSHT
from wm_ros.tasks.reacher import REACHER

ENVIRONMENTS = {"gym_pusht/PushT-v0": PUSHT, "dm_control/reacher-easy-v0": REACHER}
