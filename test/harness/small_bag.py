"""A recording of the embedded arm that is just long enough to train on."""

from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim


def record_small_bag(folder):
    """Write a bag of four episodes into a folder and return its path."""
    path = folder / "bag"
    record_sim(load_profile("arm"), path, episodes=4, seconds=3.6)
    return path
