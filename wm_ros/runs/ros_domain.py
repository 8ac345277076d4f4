"""A ROS domain for one run alone: nobody on this machine speaks on it, and no other run takes it meanwhile."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FIRST, LAST = 1, 100
# Of RTPS: every participant of domain d listens at 7400 + 250 d, and number n of them at 10 + 2 n above that. Those
# that speak to this machine alone listen at the latter only, and number 0 may have left before the others.
PORT, PORTS_PER_DOMAIN, OFFSETS = 7400, 250, (0, *range(10, 10 + 2 * 32, 2))


@contextmanager
def own_domain(domain: int | None) -> Iterator[int]:
    """Keep this run's nodes among themselves on this machine; before `rclpy.init()` and before children start.

    domain: ROS_DOMAIN_ID as the user wants it, or None for a free one: never the one in the environment, where a real
    robot may listen.
    """
    if domain is None:
        with free_domain() as free, own_domain(free):
            yield free
        return
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    yield domain


@contextmanager
def free_domain() -> Iterator[int]:
    """The first domain without participants on this machine that no other run has claimed; claimed while inside.

    RuntimeError when there is none.
    """
    folder = Path(tempfile.gettempdir()) / f"wm_ros_domains_{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for domain in range(FIRST, LAST + 1):
        lock = os.open(folder / str(domain), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_silent(domain):
                continue
            yield domain
            return
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
    raise RuntimeError(
        f"every ROS domain from {FIRST} to {LAST} is in use on this machine: end other runs, or choose one"
    )


def _is_silent(domain: int) -> bool:
    for offset in OFFSETS:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", PORT + PORTS_PER_DOMAIN * domain + offset))
            except OSError:
                return False
    return True
