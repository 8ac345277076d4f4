"""Bags of the embedded arm, made message by message."""

import pytest

from wm_ros.robots.profile import load_profile


@pytest.fixture(scope="session")
def profile():
    return load_profile("arm")
