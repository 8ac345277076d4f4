"""A recording of the embedded arm that is just long enough to train on."""

from wm_ros.data.record_sim import record_sim
from wm_ros.robots.profile import load_profile


def record_small_bag(folder):
    """Write a bag of four episodes into a folder and return its path."""
    path = folder / "bag"
    record_sim(load_profile("arm"), path, episodes=4, seconds=3.6)
    return path
