"""How many cases a fuzz test tries: few in a test run, as many as WM_ROS_FUZZ says for a long one."""

import os

from hypothesis import HealthCheck, settings


def cases(few: int) -> settings:
    """Settings with `few` examples, or WM_ROS_FUZZ of them."""
    return settings(
        max_examples=int(os.environ.get("WM_ROS_FUZZ", few)),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
